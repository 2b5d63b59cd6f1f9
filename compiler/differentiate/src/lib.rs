//! Reverse-mode differentiation: the gradient of a graph is a graph in the same primitives.
