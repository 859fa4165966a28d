//! Lines of text inputs.
