package bpf

//go:generate go tool bpf2go -cc clang-14 -strip llvm-strip-14 -target bpfel -go-package bpf -output-stem counter count c/count.bpf.c -- -O2 -g -Wall -Werror -Ic
