//! Values that each serving thread has for itself.

use std::{array, cell::Cell, ops::Deref};

/// The most threads that serve requests.
pub(super) const THREADS_MAX: usize = 4;

thread_local! {
    static INDEX: Cell<usize> = const { Cell::new(0) };
}

/// Assigns an index to this thread, which selects its values. Threads without an index use the
/// first value.
pub(super) fn begin_thread(index: usize) {
    INDEX.set(index % THREADS_MAX);
}

/// One `T` for each serving thread. Dereferencing returns the value of the current thread.
pub struct PerThread<T>([T; THREADS_MAX]);

impl<T> PerThread<T> {
    /// Creates the values of all threads.
    pub fn new(make: impl Fn() -> T) -> Self {
        Self(array::from_fn(|_| make()))
    }
}

impl<T> Deref for PerThread<T> {
    type Target = T;

    fn deref(&self) -> &T {
        // `begin_thread` keeps the index in range.
        &self.0[INDEX.get()]
    }
}
