//! Bad input over HTTP.
