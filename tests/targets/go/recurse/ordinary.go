package main

// ordinary0 to ordinary99 call each other in a row, each once.

//go:noinline
func ordinary0(n int) int {
	return ordinary1(n+1) + 1
}

//go:noinline
func ordinary1(n int) int {
	return ordinary2(n+1) + 1
}

//go:noinline
func ordinary2(n int) int {
	return ordinary3(n+1) + 1
}

//go:noinline
func ordinary3(n int) int {
	return ordinary4(n+1) + 1
}

//go:noinline
func ordinary4(n int) int {
	return ordinary5(n+1) + 1
}

//go:noinline
func ordinary5(n int) int {
	return ordinary6(n+1) + 1
}

//go:noinline
func ordinary6(n int) int {
	return ordinary7(n+1) + 1
}

//go:noinline
func ordinary7(n int) int {
	return ordinary8(n+1) + 1
}

//go:noinline
func ordinary8(n int) int {
	return ordinary9(n+1) + 1
}

//go:noinline
func ordinary9(n int) int {
	return ordinary10(n+1) + 1
}

//go:noinline
func ordinary10(n int) int {
	return ordinary11(n+1) + 1
}

//go:noinline
func ordinary11(n int) int {
	return ordinary12(n+1) + 1
}

//go:noinline
func ordinary12(n int) int {
	return ordinary13(n+1) + 1
}

//go:noinline
func ordinary13(n int) int {
	return ordinary14(n+1) + 1
}

//go:noinline
func ordinary14(n int) int {
	return ordinary15(n+1) + 1
}

//go:noinline
func ordinary15(n int) int {
	return ordinary16(n+1) + 1
}

//go:noinline
func ordinary16(n int) int {
	return ordinary17(n+1) + 1
}

//go:noinline
func ordinary17(n int) int {
	return ordinary18(n+1) + 1
}

//go:noinline
func ordinary18(n int) int {
	return ordinary19(n+1) + 1
}

//go:noinline
func ordinary19(n int) int {
	return ordinary20(n+1) + 1
}

//go:noinline
func ordinary20(n int) int {
	return ordinary21(n+1) + 1
}

//go:noinline
func ordinary21(n int) int {
	return ordinary22(n+1) + 1
}

//go:noinline
func ordinary22(n int) int {
	return ordinary23(n+1) + 1
}

//go:noinline
func ordinary23(n int) int {
	return ordinary24(n+1) + 1
}

//go:noinline
func ordinary24(n int) int {
	return ordinary25(n+1) + 1
}

//go:noinline
func ordinary25(n int) int {
	return ordinary26(n+1) + 1
}

//go:noinline
func ordinary26(n int) int {
	return ordinary27(n+1) + 1
}

//go:noinline
func ordinary27(n int) int {
	return ordinary28(n+1) + 1
}

//go:noinline
func ordinary28(n int) int {
	return ordinary29(n+1) + 1
}

//go:noinline
func ordinary29(n int) int {
	return ordinary30(n+1) + 1
}

//go:noinline
func ordinary30(n int) int {
	return ordinary31(n+1) + 1
}

//go:noinline
func ordinary31(n int) int {
	return ordinary32(n+1) + 1
}

//go:noinline
func ordinary32(n int) int {
	return ordinary33(n+1) + 1
}

//go:noinline
func ordinary33(n int) int {
	return ordinary34(n+1) + 1
}

//go:noinline
func ordinary34(n int) int {
	return ordinary35(n+1) + 1
}

//go:noinline
func ordinary35(n int) int {
	return ordinary36(n+1) + 1
}

//go:noinline
func ordinary36(n int) int {
	return ordinary37(n+1) + 1
}

//go:noinline
func ordinary37(n int) int {
	return ordinary38(n+1) + 1
}

//go:noinline
func ordinary38(n int) int {
	return ordinary39(n+1) + 1
}

//go:noinline
func ordinary39(n int) int {
	return ordinary40(n+1) + 1
}

//go:noinline
func ordinary40(n int) int {
	return ordinary41(n+1) + 1
}

//go:noinline
func ordinary41(n int) int {
	return ordinary42(n+1) + 1
}

//go:noinline
func ordinary42(n int) int {
	return ordinary43(n+1) + 1
}

//go:noinline
func ordinary43(n int) int {
	return ordinary44(n+1) + 1
}

//go:noinline
func ordinary44(n int) int {
	return ordinary45(n+1) + 1
}

//go:noinline
func ordinary45(n int) int {
	return ordinary46(n+1) + 1
}

//go:noinline
func ordinary46(n int) int {
	return ordinary47(n+1) + 1
}

//go:noinline
func ordinary47(n int) int {
	return ordinary48(n+1) + 1
}

//go:noinline
func ordinary48(n int) int {
	return ordinary49(n+1) + 1
}

//go:noinline
func ordinary49(n int) int {
	return ordinary50(n+1) + 1
}

//go:noinline
func ordinary50(n int) int {
	return ordinary51(n+1) + 1
}

//go:noinline
func ordinary51(n int) int {
	return ordinary52(n+1) + 1
}

//go:noinline
func ordinary52(n int) int {
	return ordinary53(n+1) + 1
}

//go:noinline
func ordinary53(n int) int {
	return ordinary54(n+1) + 1
}

//go:noinline
func ordinary54(n int) int {
	return ordinary55(n+1) + 1
}

//go:noinline
func ordinary55(n int) int {
	return ordinary56(n+1) + 1
}

//go:noinline
func ordinary56(n int) int {
	return ordinary57(n+1) + 1
}

//go:noinline
func ordinary57(n int) int {
	return ordinary58(n+1) + 1
}

//go:noinline
func ordinary58(n int) int {
	return ordinary59(n+1) + 1
}

//go:noinline
func ordinary59(n int) int {
	return ordinary60(n+1) + 1
}

//go:noinline
func ordinary60(n int) int {
	return ordinary61(n+1) + 1
}

//go:noinline
func ordinary61(n int) int {
	return ordinary62(n+1) + 1
}

//go:noinline
func ordinary62(n int) int {
	return ordinary63(n+1) + 1
}

//go:noinline
func ordinary63(n int) int {
	return ordinary64(n+1) + 1
}

//go:noinline
func ordinary64(n int) int {
	return ordinary65(n+1) + 1
}

//go:noinline
func ordinary65(n int) int {
	return ordinary66(n+1) + 1
}

//go:noinline
func ordinary66(n int) int {
	return ordinary67(n+1) + 1
}

//go:noinline
func ordinary67(n int) int {
	return ordinary68(n+1) + 1
}

//go:noinline
func ordinary68(n int) int {
	return ordinary69(n+1) + 1
}

//go:noinline
func ordinary69(n int) int {
	return ordinary70(n+1) + 1
}

//go:noinline
func ordinary70(n int) int {
	return ordinary71(n+1) + 1
}

//go:noinline
func ordinary71(n int) int {
	return ordinary72(n+1) + 1
}

//go:noinline
func ordinary72(n int) int {
	return ordinary73(n+1) + 1
}

//go:noinline
func ordinary73(n int) int {
	return ordinary74(n+1) + 1
}

//go:noinline
func ordinary74(n int) int {
	return ordinary75(n+1) + 1
}

//go:noinline
func ordinary75(n int) int {
	return ordinary76(n+1) + 1
}

//go:noinline
func ordinary76(n int) int {
	return ordinary77(n+1) + 1
}

//go:noinline
func ordinary77(n int) int {
	return ordinary78(n+1) + 1
}

//go:noinline
func ordinary78(n int) int {
	return ordinary79(n+1) + 1
}

//go:noinline
func ordinary79(n int) int {
	return ordinary80(n+1) + 1
}

//go:noinline
func ordinary80(n int) int {
	return ordinary81(n+1) + 1
}

//go:noinline
func ordinary81(n int) int {
	return ordinary82(n+1) + 1
}

//go:noinline
func ordinary82(n int) int {
	return ordinary83(n+1) + 1
}

//go:noinline
func ordinary83(n int) int {
	return ordinary84(n+1) + 1
}

//go:noinline
func ordinary84(n int) int {
	return ordinary85(n+1) + 1
}

//go:noinline
func ordinary85(n int) int {
	return ordinary86(n+1) + 1
}

//go:noinline
func ordinary86(n int) int {
	return ordinary87(n+1) + 1
}

//go:noinline
func ordinary87(n int) int {
	return ordinary88(n+1) + 1
}

//go:noinline
func ordinary88(n int) int {
	return ordinary89(n+1) + 1
}

//go:noinline
func ordinary89(n int) int {
	return ordinary90(n+1) + 1
}

//go:noinline
func ordinary90(n int) int {
	return ordinary91(n+1) + 1
}

//go:noinline
func ordinary91(n int) int {
	return ordinary92(n+1) + 1
}

//go:noinline
func ordinary92(n int) int {
	return ordinary93(n+1) + 1
}

//go:noinline
func ordinary93(n int) int {
	return ordinary94(n+1) + 1
}

//go:noinline
func ordinary94(n int) int {
	return ordinary95(n+1) + 1
}

//go:noinline
func ordinary95(n int) int {
	return ordinary96(n+1) + 1
}

//go:noinline
func ordinary96(n int) int {
	return ordinary97(n+1) + 1
}

//go:noinline
func ordinary97(n int) int {
	return ordinary98(n+1) + 1
}

//go:noinline
func ordinary98(n int) int {
	return ordinary99(n+1) + 1
}

//go:noinline
func ordinary99(n int) int {
	bottom()
	return n
}
