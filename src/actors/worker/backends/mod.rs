//! The drivers of pool targets: how a name server is told which zones it has to serve.

pub mod rndc;
