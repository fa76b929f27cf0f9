//! What each thread that serves requests has for itself.

use std::{array, cell::Cell, ops::Deref};

/// Threads that serve requests, at most.
pub(super) const THREADS_MAX: usize = 4;

thread_local! {
    static INDEX: Cell<usize> = const { Cell::new(0) };
}

/// From now on this thread has its own of everything; all others share the first.
pub(super) fn begin_thread(index: usize) {
    INDEX.set(index % THREADS_MAX);
}

/// A `T` for each thread: what it finds is its own one.
pub struct PerThread<T>([T; THREADS_MAX]);

impl<T> PerThread<T> {
    /// Makes all of them now.
    pub fn new(make: impl Fn() -> T) -> Self {
        Self(array::from_fn(|_| make()))
    }
}

impl<T> Deref for PerThread<T> {
    type Target = T;

    fn deref(&self) -> &T {
        // In range: `begin_thread` sees to it.
        &self.0[INDEX.get()]
    }
}
