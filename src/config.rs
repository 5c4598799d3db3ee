//! Flags and environment, validated. The only file that reads them.
