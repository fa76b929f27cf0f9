//! The list of keys: one key per line, as `<name> <scope,scope> sha256:<64 hex>`. Empty lines and
//! texts after a `#` are comments.

use std::{fmt, path::Path};

use subtle::{ConditionallySelectable, ConstantTimeEq};

use super::{AccessError, Key, KeyHash, KeyName, Scopes};

/// A line of the list.
#[derive(Debug, Clone)]
pub struct Entry {
    /// The name of the key.
    pub name: KeyName,
    /// The scopes of the key.
    pub scopes: Scopes,
    hash: KeyHash,
}

impl Entry {
    /// Creates the entry of a new key.
    pub fn new(name: KeyName, scopes: Scopes, key: &Key) -> Self {
        Self { name, scopes, hash: key.hash() }
    }

    // Errors quote no text of the line, because the line may contain a key by mistake.
    fn parse(words: &[&str]) -> Result<Self, &'static str> {
        let &[name, scopes, hash] = words else {
            return Err(
                "a key needs three words on one line: its name, its scopes, and sha256:<64 hex \
                    digits>",
            );
        };
        Ok(Self {
            name: name.parse()?,
            scopes: Scopes::parse(scopes).ok_or(
                "the second word must be scopes: read, write or admin, separated by commas",
            )?,
            hash: KeyHash::parse(hash).ok_or("the third word must be sha256: and 64 hex digits")?,
        })
    }
}

impl fmt::Display for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} {}", self.name, self.scopes, self.hash)
    }
}

/// A syntax error of a list.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {fault}")]
pub struct KeysError {
    /// The number of the line, from 1.
    pub line: usize,
    /// The description of the fault, without any text of the line.
    pub fault: &'static str,
}

impl KeysError {
    /// Converts the error into one that names the file.
    pub fn in_file(self, file: &Path) -> AccessError {
        AccessError::Malformed {
            at: format!("{}:{}", file.display(), self.line),
            fault: self.fault,
        }
    }
}

/// All keys that are accepted.
#[derive(Debug, Clone, Default)]
pub struct Keys(Vec<Entry>);

impl Keys {
    /// Parses a list. A name or a key may occur only once.
    pub fn parse(text: &str) -> Result<Self, KeysError> {
        let mut entries: Vec<Entry> = Vec::new();
        for (line, text) in (1..).zip(text.lines()) {
            let said = text.split_once('#').map_or(text, |(said, _)| said);
            let words: Vec<&str> = said.split_whitespace().collect();
            if words.is_empty() {
                continue;
            }
            let entry = Entry::parse(&words).map_err(|fault| KeysError { line, fault })?;
            if entries.iter().any(|other| other.name == entry.name) {
                return Err(KeysError { line, fault: "an earlier line has the same name" });
            }
            if entries.iter().any(|other| other.hash.ct_eq(&entry.hash).into()) {
                return Err(KeysError { line, fault: "an earlier line has the same key" });
            }
            entries.push(entry);
        }
        Ok(Self(entries))
    }

    /// Returns the entry of the presented key.
    ///
    /// The key is always compared with all entries, and each comparison takes constant time. So the
    /// duration shows neither the matching entry nor the length of a partial match.
    pub fn check(&self, presented: &Key) -> Option<&Entry> {
        let hash = presented.hash();
        let mut found = u64::MAX;
        for (index, entry) in (0..).zip(&self.0) {
            found.conditional_assign(&index, entry.hash.ct_eq(&hash));
        }
        self.0.get(usize::try_from(found).ok()?)
    }

    /// Returns the entries in the order of the list.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &Entry> {
        self.0.iter()
    }

    /// Returns the number of keys.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Returns whether the list is empty. With an empty list, every request is refused.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Returns all scopes that at least one key has.
    pub fn scopes(&self) -> Scopes {
        self.0.iter().map(|entry| entry.scopes).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(n: u8) -> Key {
        Key::new([n; 32])
    }

    fn entry(name: &str, scopes: &str, n: u8) -> Entry {
        Entry::new(name.parse().unwrap(), Scopes::parse(scopes).unwrap(), &key(n))
    }

    #[test]
    fn a_list_is_read_as_it_was_written() {
        let (ci, ops) = (entry("ci", "read,write", 1), entry("ops", "admin", 2));
        let text = format!("# who asks\r\n\n  {ci}\r\n\t\n#{ops}\n{ops} # since May");
        let keys = Keys::parse(&text).unwrap();
        assert_eq!(
            keys.iter().map(ToString::to_string).collect::<Vec<_>>(),
            [ci.to_string(), ops.to_string()]
        );
        assert_eq!((keys.len(), keys.scopes().to_string()), (2, "read,write,admin".to_owned()));
        for empty in ["", "\n", "# nobody\n"] {
            assert!(Keys::parse(empty).unwrap().is_empty());
        }
    }

    #[test]
    fn each_of_several_keys_is_found_and_no_other() {
        let list: Vec<String> =
            (0..50).map(|n| entry(&format!("k{n}"), "read", n).to_string()).collect();
        let keys = Keys::parse(&list.join("\n")).unwrap();
        for n in 0..50 {
            assert_eq!(keys.check(&key(n)).unwrap().name.to_string(), format!("k{n}"));
        }
        assert!(keys.check(&key(50)).is_none());
        assert!(Keys::default().check(&key(0)).is_none());
    }

    #[test]
    fn a_malformed_list_is_refused_by_line_and_never_quoted() {
        let (ci, secret) = (entry("ci", "read", 1), key(7));
        let secret = secret.reveal();
        let hash = key(2).hash();
        let cases = [
            (secret.to_owned(), "three words"),
            (format!("ops admin {secret}"), "third word"),
            (format!("ops {secret} {hash}"), "second word"),
            (format!("{secret} admin {hash}"), "name"),
            (format!("ops admin {hash} {secret}"), "three words"),
            (format!("ops read, write {hash}"), "three words"),
            (format!("ops read,wirte {hash}"), "second word"),
            (format!("ops admin {}", &hash.to_string()[7..]), "third word"),
            (entry("ci", "admin", 2).to_string(), "the same name"),
            (entry("other", "admin", 1).to_string(), "the same key"),
        ];
        for (line, says) in cases {
            let error = Keys::parse(&format!("# keys\n{ci}\n{line}\n")).unwrap_err();
            assert_eq!(error.line, 3, "{line}");
            assert!(error.fault.contains(says), "{line}: {error}");
            let said = error.in_file(Path::new("/etc/keys")).to_string();
            assert!(said.starts_with("/etc/keys:3: ") && !said.contains(secret), "{said}");
        }
    }
}
