//! spandrel-query
