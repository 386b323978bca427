//! Gradients that are right, wrong, and on kinks.
