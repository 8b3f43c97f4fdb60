package twin

//go:generate go tool bpf2go -cc clang-14 -strip llvm-strip-14 -target bpfel -go-package twin -output-stem twin events c/twin.bpf.c -- -O2 -g -Wall -Werror -I../../../probe/bpf/c
