/** Reads `text/event-stream`, in whatever pieces it comes. Its decoder has taken a byte order mark away. */

/** A line or an event beyond this is no event of ours. */
const MOST = 32 * 1024 * 1024;

export class Parser {
  #rest = '';
  #data: string[] = [];
  #size = 0;
  #name = '';
  #heard: (name: string, data: string) => void;
  #retry: (ms: number) => void;

  constructor(heard: (name: string, data: string) => void, retry: (ms: number) => void) {
    [this.#heard, this.#retry] = [heard, retry];
  }

  /** Throws where an event is too large. */
  push(text: string): void {
    const all = this.#rest + text;
    let at = 0;
    for (;;) {
      const end = nextEnd(all, Math.max(at, at === 0 ? this.#rest.length - 1 : 0));
      // A carriage return at the end may be half of a line break.
      if (end < 0 || (all[end] === '\r' && end + 1 === all.length)) break;
      this.#line(all.slice(at, end));
      at = all[end] === '\r' && all[end + 1] === '\n' ? end + 2 : end + 1;
    }
    this.#rest = all.slice(at);
    if (this.#rest.length + this.#size > MOST) throw new Error('an event is too large');
  }

  #line(line: string): void {
    if (line === '') {
      if (this.#data.length) this.#heard(this.#name || 'message', this.#data.join('\n'));
      [this.#data, this.#name, this.#size] = [[], '', 0];
      return;
    }
    const colon = line.indexOf(':');
    if (colon === 0) return;
    const field = colon < 0 ? line : line.slice(0, colon);
    const value = colon < 0 ? '' : line.slice(line[colon + 1] === ' ' ? colon + 2 : colon + 1);
    if (field === 'data') {
      this.#data.push(value);
      this.#size += value.length;
      if (this.#size > MOST) throw new Error('an event is too large');
    } else if (field === 'event') this.#name = value;
    else if (field === 'retry' && /^\d+$/.test(value)) this.#retry(Number(value));
  }
}

const END = /[\r\n]/g;

function nextEnd(text: string, from: number): number {
  END.lastIndex = Math.max(0, from);
  return END.exec(text)?.index ?? -1;
}
