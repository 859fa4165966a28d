//! spandrel-collector
