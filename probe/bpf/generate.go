package bpf

//go:generate go tool bpf2go -cc clang-14 -strip llvm-strip-14 -target bpfel -go-package bpf -output-stem counter count c/count.bpf.c -- -O2 -g -Wall -Werror -mcpu=v3 -Ic
//go:generate go tool bpf2go -cc clang-14 -strip llvm-strip-14 -target bpfel -go-package bpf -output-stem old -no-global-types old c/count.bpf.c -- -O2 -g -Wall -Werror -DBEFORE_5_17 -Ic
