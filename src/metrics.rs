//! All metrics, their names and help texts.
