//! The list of models. A new one is a folder beside `readings/` and a line here.

use std::sync::Arc;

use crate::{Model, builds::Builds, events::Events, readings::Readings};

/// Models that a program knows, found by name.
#[derive(Clone)]
pub struct Models(Vec<Arc<dyn Model>>);

/// Weir's own models.
pub fn builtin() -> Models {
    Models(vec![Arc::new(Events), Arc::new(Builds), Arc::new(Readings)])
}

impl Models {
    /// Adds a model from outside this workspace, for `weir::run`.
    #[must_use]
    pub fn with(mut self, model: impl Model) -> Self {
        self.0.push(Arc::new(model));
        self
    }

    /// All of them.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<dyn Model>> {
        self.0.iter()
    }

    /// The model of that name.
    pub fn get(&self, name: &str) -> Option<&Arc<dyn Model>> {
        self.0.iter().find(|m| m.name() == name)
    }

    /// Its place in the list.
    pub fn index(&self, name: &str) -> Option<usize> {
        self.0.iter().position(|m| m.name() == name)
    }

    /// Their names, for messages.
    pub fn names(&self) -> String {
        self.0.iter().map(|m| m.name()).collect::<Vec<_>>().join(", ")
    }
}
