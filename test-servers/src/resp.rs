use std::{
    fmt::Write as _,
    io::{BufRead, BufReader, Error, Result, Write},
    net::{Ipv4Addr, TcpStream},
    time::Duration,
};

/// Sends one command over a new connection and renders the reply as text.
pub(crate) fn ask(port: u16, password: Option<&str>, patience: Duration, args: &[&str]) -> Result<String> {
    let address = (Ipv4Addr::LOCALHOST, port).into();
    let stream = TcpStream::connect_timeout(&address, patience)?;
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(patience))?;
    let mut replies = BufReader::new(&stream);
    if let Some(password) = password {
        (&stream).write_all(&encode(&["AUTH", password]))?;
        read(&mut replies)?;
    }
    (&stream).write_all(&encode(args))?;
    read(&mut replies)
}

fn encode(args: &[&str]) -> Vec<u8> {
    let mut command = format!("*{}\r\n", args.len());
    for arg in args {
        write!(command, "${}\r\n{arg}\r\n", arg.len()).unwrap();
    }
    command.into_bytes()
}

/// Reads one reply as text. Strings and numbers are unchanged, an error begins with a dash, an
/// array has one element per line, and null is `(nil)`.
fn read(replies: &mut impl BufRead) -> Result<String> {
    let mut line = String::new();
    replies.read_line(&mut line)?;
    let line = line.strip_suffix("\r\n").ok_or_else(|| Error::other("the connection ended in a reply"))?;
    let Some((kind, rest)) = line.split_at_checked(1) else {
        return Err(Error::other("an empty line in place of a reply"));
    };
    Ok(match (kind, rest) {
        ("+" | ":", _) => rest.to_owned(),
        ("-", _) => line.to_owned(),
        ("$" | "*", "-1") => "(nil)".to_owned(),
        ("$", length) => {
            let mut text = vec![0; length.parse::<usize>().map_err(Error::other)? + 2];
            replies.read_exact(&mut text)?;
            text.truncate(text.len() - 2);
            String::from_utf8_lossy(&text).into_owned()
        }
        ("*", count) => {
            let count: usize = count.parse().map_err(Error::other)?;
            let elements: Vec<_> = (0..count).map(|_| read(replies)).collect::<Result<_>>()?;
            elements.join("\n")
        }
        _ => return Err(Error::other(format!("not a reply: {line}"))),
    })
}
