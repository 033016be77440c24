//! Proofs against software that nobody here wrote
