//! What a command prints is told line by line as all else is: a reader who stalls keeps no command waiting, and so nothing that is to be
//! handed on.

use std::io;
use std::process::Stdio;

use tokio::io::{AsyncRead, AsyncReadExt as _};
use tokio::net::unix::pipe::Receiver;

use crate::command::notifications::watched::Say;

/// A longer line is told in pieces.
const LONGEST: usize = 8 * 1024;

/// For both outputs of a command: what comes there is said, until nobody holds them any more.
pub(super) fn said(say: Say) -> io::Result<(Stdio, Stdio)> {
    let (reader, writer) = io::pipe()?;
    let reader = Receiver::from_owned_fd(reader.into())?;
    let copy = writer.try_clone()?;
    tokio::spawn(forward(reader, say));
    Ok((writer.into(), copy.into()))
}

async fn forward(mut from: impl AsyncRead + Unpin, say: Say) {
    let emit = |line: &mut Vec<u8>| {
        if !line.is_empty() {
            say(&String::from_utf8_lossy(line));
        }
        line.clear();
    };
    let mut part = vec![0; LONGEST];
    let mut line = Vec::new();
    while let Ok(count @ 1..) = from.read(&mut part).await {
        for byte in part.iter().take(count) {
            if *byte != b'\n' {
                line.push(*byte);
            }
            if *byte == b'\n' || line.len() == LONGEST {
                emit(&mut line);
            }
        }
    }
    emit(&mut line);
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use super::*;
    use crate::lock::lock;

    #[tokio::test]
    async fn each_line_is_told_whole_and_a_longer_one_in_pieces() {
        let lines = Arc::new(Mutex::new(Vec::new()));
        let to = Arc::clone(&lines);
        let long = "x".repeat(LONGEST + 1);
        let text = format!("one\n\ntwo\n{long}\nlast");
        let say: Say = Arc::new(move |line| lock(&to).push(line.to_owned()));
        // Read in parts of other lengths than the lines have.
        let (halves, rest) = text.as_bytes().split_at(5);
        forward(halves.chain(rest), say).await;
        let (first, second) = long.split_at(LONGEST);
        assert_eq!(*lock(&lines), ["one", "two", first, second, "last"]);
    }
}
