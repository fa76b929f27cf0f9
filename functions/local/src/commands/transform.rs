//! `weir transform`: prints the events that a converter makes of a message in a file. It works
//! offline.

use std::io::Read;

use weir_model::cdevents::convert::Message;

use crate::{Exit, output::say, settings::TransformArgs};

/// The largest message in bytes.
const MESSAGE_BYTES_MAX: u64 = 32 * 1024 * 1024;

pub(super) fn run(args: &TransformArgs) -> Result<(), Exit> {
    let named =
        |e: std::io::Error| Exit::usage(format!("cannot read {}: {e}", args.file.display()));
    let mut body = String::new();
    let source: Box<dyn Read> = if args.file.as_os_str() == "-" {
        Box::new(std::io::stdin())
    } else {
        Box::new(std::fs::File::open(&args.file).map_err(named)?)
    };
    let read = source.take(MESSAGE_BYTES_MAX + 1).read_to_string(&mut body).map_err(named)?;
    if u64::try_from(read).unwrap_or(u64::MAX) > MESSAGE_BYTES_MAX {
        return Err(Exit::usage(format!(
            "{} has more than {MESSAGE_BYTES_MAX} bytes",
            args.file.display()
        )));
    }
    let events = args.convert.convert(Message { event: args.event.as_deref(), body: &body });
    for event in events.map_err(|e| Exit::failed(format!("{}: {e}", args.file.display())))? {
        say!("{event}");
    }
    Ok(())
}
