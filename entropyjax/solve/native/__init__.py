"""Native CPU kernels: a traced step as LLVM vector code."""
