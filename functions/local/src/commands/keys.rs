//! `weir keys new`, `weir keys list`.

use std::{
    fs::{self, File},
    io::{self, Write},
    path::Path,
};

use serde_json::{Value, json};
use weir_http::{Entry, Key, KeyName, Keys, Scope};

use crate::{
    Exit, Settings,
    output::{print_json, say},
    random::random,
};

/// The first lines of a new list.
const HEADING: &str = "# API keys of Weir, one per line: name, scopes, SHA-256 of the key. `weir \
    keys new` adds a key.\n# To revoke a key, remove its line.\n";

pub(super) fn new(
    settings: &Settings,
    scopes: &[Scope],
    name: Option<KeyName>,
) -> Result<(), Exit> {
    let Some(file) = &settings.access.api_keys_file else {
        return Err(Exit::usage(
            "no file for the key is given: give --api-keys-file FILE, which may be a new file",
        ));
    };
    let key = Key::new(random()?);
    let name = match name {
        Some(name) => name,
        None => {
            format!("key-{:08x}", u32::from_ne_bytes(random()?)).parse().map_err(Exit::failed)?
        }
    };
    let entry = Entry::new(name, scopes.iter().copied().collect(), &key);
    add(file, &entry)?;
    let Entry { name, scopes, .. } = &entry;
    let mut out = io::stdout();
    let said = writeln!(
        out,
        "added the key {name} with the scopes {scopes} to {}; the key is shown only once:\n{}",
        file.display(),
        key.reveal()
    );
    // The key is shown only once, so a failed write is an error.
    let lost = |e| {
        Exit::failed(format!(
            "the key could not be shown ({e}): remove the line of {name} from {}",
            file.display()
        ))
    };
    said.and_then(|()| out.flush()).map_err(lost)
}

pub(super) async fn list(settings: &Settings, json: bool) -> Result<(), Exit> {
    let Some(source) = settings.access.source().await? else {
        return Err(Exit::usage(
            "no list of keys is given: give --api-keys-file or --api-keys-secret-arn",
        ));
    };
    let keys = source.current();
    if json {
        let key = |Entry { name, scopes, .. }: &Entry| {
            json!({
                "name": name.to_string(),
                "scopes": scopes.to_string().split(',').collect::<Vec<_>>(),
            })
        };
        print_json(&keys.iter().map(key).collect::<Value>());
        return Ok(());
    }
    for Entry { name, scopes, .. } in keys.iter() {
        say!("{name:<20} {scopes}");
    }
    if keys.is_empty() {
        say!("{} has no key", source.place());
    }
    Ok(())
}

/// Adds a line to a list, or creates the list.
fn add(named: &Path, entry: &Entry) -> Result<(), Exit> {
    let cannot =
        |what: &str, e: io::Error| Exit::usage(format!("cannot {what} {}: {e}", named.display()));
    // A symbolic link is kept: its target is replaced.
    let file = named.canonicalize().unwrap_or_else(|_| named.to_owned());
    let folder = match file.parent() {
        Some(folder) if folder != Path::new("") => folder,
        _ => Path::new("."),
    };
    let held = File::open(folder).map_err(|e| cannot("write", e))?;
    // If two users add a key at the same time, the second one waits. Where a folder cannot be
    // locked, the users must coordinate their changes.
    let _ = held.lock();
    let mut text = match fs::read_to_string(&file) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => HEADING.to_owned(),
        Err(error) => return Err(cannot("read", error)),
    };
    let keys = Keys::parse(&text).map_err(|e| e.in_file(named))?;
    if keys.iter().any(|other| other.name == entry.name) {
        return Err(Exit::usage(format!(
            "{} already has a key called {}: choose another --name",
            named.display(),
            entry.name
        )));
    }
    if !text.is_empty() && !text.ends_with('\n') {
        text.push('\n');
    }
    text.extend([entry.to_string().as_str(), "\n"]);
    replace(&file, folder, &text).map_err(|e| cannot("write", e))
}

/// Replaces a file atomically. A new file is readable by this user only; an existing file keeps its
/// owner and mode.
fn replace(file: &Path, folder: &Path, text: &str) -> io::Result<()> {
    // The temporary file has mode 0600.
    let mut new = tempfile::Builder::new().prefix(".weir-keys-").tempfile_in(folder)?;
    new.write_all(text.as_bytes())?;
    if let Ok(old) = fs::metadata(file) {
        keep_owner(new.as_file(), &old)?;
        new.as_file().set_permissions(old.permissions())?;
    }
    new.as_file().sync_all()?;
    new.persist(file).map_err(|e| e.error)?;
    File::open(folder)?.sync_all()
}

/// The server that reads the file may run as another user than the one who adds a key.
#[cfg(unix)]
fn keep_owner(new: &File, old: &fs::Metadata) -> io::Result<()> {
    use std::os::unix::fs::{MetadataExt, fchown};
    let ours = new.metadata()?;
    if (ours.uid(), ours.gid()) == (old.uid(), old.gid()) {
        return Ok(());
    }
    let other = |e| {
        io::Error::other(format!(
            "the file belongs to another user: add the key as that user ({e})"
        ))
    };
    fchown(new, Some(old.uid()), Some(old.gid())).map_err(other)
}

#[cfg(not(unix))]
fn keep_owner(_: &File, _: &fs::Metadata) -> io::Result<()> {
    Ok(())
}
