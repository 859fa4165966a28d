//! Understanding a log line, JSON or text, from whichever logger it came.
