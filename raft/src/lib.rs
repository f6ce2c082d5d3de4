//! Groups, leases and fencing tokens for members that may die at any moment.
#![forbid(unsafe_code)]
