//! Bad input over gRPC.
