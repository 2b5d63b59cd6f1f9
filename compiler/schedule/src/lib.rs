//! From a tensor graph to kernels: which loop nests, in which order, on which memory.
