//! Who may ask for what: API keys with scopes, or API Gateway, or loopback.
//!
//! [`AccessConfig`] says where the keys are, [`Access`] is what is in force, [`Needs`] is what each
//! route declares.

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

/// What a request has to show. Cheap to clone.
#[derive(Debug, Clone)]
pub enum Access {
    /// Nothing: who can reach loopback may do everything.
    Open,
    /// Nothing here: API Gateway asked IAM before the request came.
    Iam,
    /// A key.
    Keys(Source),
}

impl fmt::Display for Access {
    /// For the one who starts it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Open => f.write_str(
                "no API keys: everything on this loopback address is served without one",
            ),
            Self::Iam => f.write_str("API Gateway asks IAM"),
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
