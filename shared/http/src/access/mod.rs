//! Access control: API keys with scopes, or API Gateway, or loopback.
//!
//! [`AccessConfig`] has the settings, [`Access`] is the check in force, [`Needs`] has the
//! declaration of each route.

mod config;
mod denied;
mod error;
mod guard;
mod key;
mod keys;
mod local;
mod name;
mod need;
mod scope;
mod source;

use std::fmt;

pub use config::{AccessConfig, Auth};
pub use denied::Denied;
pub use error::AccessError;
pub use guard::authorized;
pub(crate) use guard::checked;
pub use key::{Key, KeyHash};
pub use keys::{Entry, Keys, KeysError};
pub use name::KeyName;
pub use need::{Need, Needs};
pub use scope::{Scope, Scopes};
pub use source::Source;

/// The check that a request must pass. Cheap to clone.
#[derive(Debug, Clone)]
pub enum Access {
    /// No check: every client that can reach loopback may do everything.
    Open,
    /// No check in this program: API Gateway checks IAM before it calls the function.
    Iam,
    /// A key of this list.
    Keys(Source),
}

impl fmt::Display for Access {
    /// Writes a line for the person who starts the program.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Open => f.write_str(
                "no API keys: all requests to this loopback address are served without a key",
            ),
            Self::Iam => f.write_str("API Gateway checks requests with IAM"),
            Self::Keys(source) => {
                let keys = source.current();
                write!(
                    f,
                    "API keys with the scopes {}: {} in {}",
                    keys.scopes(),
                    keys.len(),
                    source.place()
                )
            }
        }
    }
}
