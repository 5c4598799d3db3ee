//! The subscriber for logs.
