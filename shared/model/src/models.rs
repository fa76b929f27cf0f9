//! The list of models. A new model needs a folder next to `readings/` and a line here.

use std::sync::Arc;

use crate::{Model, builds::Builds, cdevents::CdEvents, events::Events, readings::Readings};

/// The models that a program knows, found by name.
#[derive(Clone)]
pub struct Models(Vec<Arc<dyn Model>>);

/// Returns Weir's own models.
pub fn builtin() -> Models {
    Models(vec![Arc::new(Events), Arc::new(Builds), Arc::new(Readings), Arc::new(CdEvents)])
}

impl Models {
    /// Adds a model from outside this workspace, for `weir::run`.
    #[must_use]
    pub fn with(mut self, model: impl Model) -> Self {
        self.0.push(Arc::new(model));
        self
    }

    /// Returns all models in order.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<dyn Model>> {
        self.0.iter()
    }

    /// Returns the model with that name.
    pub fn get(&self, name: &str) -> Option<&Arc<dyn Model>> {
        self.0.iter().find(|m| m.name() == name)
    }

    /// Returns the index of the model in the list.
    pub fn index(&self, name: &str) -> Option<usize> {
        self.0.iter().position(|m| m.name() == name)
    }

    /// Checks the names and the listings. Returns an error text for an invalid name, for a name
    /// that occurs twice, and for a listing that is sorted by a column that it does not have.
    pub fn check(&self) -> Result<(), String> {
        for (n, model) in self.0.iter().enumerate() {
            let name = model.name();
            if !is_fit(name) {
                return Err(format!(
                    "the name of model {name:?} is invalid: a name must match [a-z][a-z0-9_]*"
                ));
            }
            if self.0[..n].iter().any(|other| other.name() == name) {
                return Err(format!("two models are called {name}"));
            }
            if model
                .listing()
                .is_some_and(|listing| listing.key_columns().count() != listing.key.len())
            {
                return Err(format!(
                    "the list of model {name} is sorted by a column that it does not have"
                ));
            }
        }
        Ok(())
    }

    /// Returns the names of the models, for messages.
    pub fn names(&self) -> String {
        self.0.iter().map(|m| m.name()).collect::<Vec<_>>().join(", ")
    }
}

fn is_fit(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_lowercase())
        && name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_model_may_not_bear_every_name() {
        assert!(is_fit("orders_2"));
        for name in ["Orders", "2orders", "", "a/b"] {
            assert!(!is_fit(name), "{name}");
        }
    }

    #[test]
    fn no_two_models_bear_the_same_name() {
        assert_eq!(builtin().check(), Ok(()));
        assert!(builtin().with(Builds).check().is_err());
    }
}
