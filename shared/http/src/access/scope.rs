//! The scopes of keys.

use std::{fmt, str::FromStr};

/// The right that a request needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Scope {
    /// All GET requests
    Read,
    /// Sending events, and the retry of one failure
    Write,
    /// Discarding failures, and retries of several failures and of events; includes read and write
    Admin,
}

impl Scope {
    const ALL: [Self; 3] = [Self::Read, Self::Write, Self::Admin];

    const fn name(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Write => "write",
            Self::Admin => "admin",
        }
    }
}

impl FromStr for Scope {
    type Err = ();
    fn from_str(word: &str) -> Result<Self, ()> {
        Self::ALL.into_iter().find(|scope| scope.name() == word).ok_or(())
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// The scopes of a key. `admin` contains the other two; `write` does not contain `read`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Scopes([bool; Scope::ALL.len()]);

impl Scopes {
    /// Parses a list such as `read,write`; returns `None` when a word is not a scope, or when the
    /// list is empty.
    pub fn parse(text: &str) -> Option<Self> {
        text.split(',').map(|word| word.parse::<Scope>().ok()).collect()
    }

    /// Returns whether a key with these scopes may make a request that needs this scope.
    pub fn allows(self, needed: Scope) -> bool {
        self.0[Scope::Admin as usize] || self.0[needed as usize]
    }
}

impl FromIterator<Scope> for Scopes {
    fn from_iter<I: IntoIterator<Item = Scope>>(scopes: I) -> Self {
        let mut all = Self::default();
        scopes.into_iter().for_each(|scope| all.0[scope as usize] = true);
        all
    }
}

impl FromIterator<Self> for Scopes {
    fn from_iter<I: IntoIterator<Item = Self>>(several: I) -> Self {
        several
            .into_iter()
            .fold(Self::default(), |all, one| Self(std::array::from_fn(|i| all.0[i] || one.0[i])))
    }
}

impl fmt::Display for Scopes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let given = Scope::ALL.into_iter().filter(|scope| self.0[*scope as usize]);
        f.write_str(&given.map(Scope::name).collect::<Vec<_>>().join(","))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn admin_contains_all_and_write_does_not_contain_read() {
        let allowed = |text| Scope::ALL.map(|needed| Scopes::parse(text).unwrap().allows(needed));
        assert_eq!(allowed("read"), [true, false, false]);
        assert_eq!(allowed("write"), [false, true, false]);
        assert_eq!(allowed("write,read"), [true, true, false]);
        assert_eq!(allowed("admin"), [true, true, true]);
        assert!(Scope::ALL.iter().all(|needed| !Scopes::default().allows(*needed)));
    }

    #[test]
    fn what_is_written_is_read_again() {
        for text in ["read", "write", "admin", "read,write", "read,write,admin"] {
            assert_eq!(Scopes::parse(text).unwrap().to_string(), text);
        }
        for text in ["", ",", "read,", "Read", "reads", "read write", "all"] {
            assert_eq!(Scopes::parse(text), None, "{text}");
        }
    }
}
