/**
 * Parses `text/event-stream` in pieces of any size. A byte order mark was already removed by the
 * decoder.
 */

/** The maximum size of a line or an event. */
const MOST = 32 * 1024 * 1024;

export class Parser {
  #rest = '';
  #end = '';
  #data: string[] = [];
  #size = 0;
  #name = '';
  #onEvent: (name: string, data: string) => void;
  #retry: (ms: number) => void;

  constructor(onEvent: (name: string, data: string) => void, retry: (ms: number) => void) {
    [this.#onEvent, this.#retry] = [onEvent, retry];
  }

  /** Throws if an event is too large. */
  push(text: string): void {
    const all = this.#end + text;
    // A carriage return at the end may be the first half of a line break.
    this.#end = all.endsWith('\r') ? '\r' : '';
    const lines = all.slice(0, all.length - this.#end.length).split(/\r\n?|\n/);
    lines[0] = this.#rest + lines[0]!;
    this.#rest = lines.pop()!;
    for (const line of lines) this.#line(line);
    if (this.#rest.length + this.#size > MOST) throw new Error('an event is too large');
  }

  #line(line: string): void {
    if (line === '') {
      if (this.#data.length) this.#onEvent(this.#name || 'message', this.#data.join('\n'));
      [this.#data, this.#name, this.#size] = [[], '', 0];
      return;
    }
    const [, field, value] = /^([^:]*):? ?(.*)/s.exec(line) as unknown as [string, string, string];
    if (field === 'data') {
      this.#data.push(value);
      this.#size += value.length;
    } else if (field === 'event') this.#name = value;
    else if (field === 'retry' && /^\d+$/.test(value)) this.#retry(Number(value));
  }
}
