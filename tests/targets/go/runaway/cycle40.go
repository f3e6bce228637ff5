package main

// cycle40n0 to cycle40n39 call each other in a ring. Their frames have four different sizes.

//go:noinline
func cycle40n0(depth *uint64) uint64 {
	var pad [1]uint64
	level(depth)
	pad[*depth&0] = *depth
	return cycle40n1(depth) + pad[0]
}

//go:noinline
func cycle40n1(depth *uint64) uint64 {
	var pad [2]uint64
	level(depth)
	pad[*depth&1] = *depth
	return cycle40n2(depth) + pad[0]
}

//go:noinline
func cycle40n2(depth *uint64) uint64 {
	var pad [4]uint64
	level(depth)
	pad[*depth&3] = *depth
	return cycle40n3(depth) + pad[0]
}

//go:noinline
func cycle40n3(depth *uint64) uint64 {
	var pad [8]uint64
	level(depth)
	pad[*depth&7] = *depth
	return cycle40n4(depth) + pad[0]
}

//go:noinline
func cycle40n4(depth *uint64) uint64 {
	var pad [1]uint64
	level(depth)
	pad[*depth&0] = *depth
	return cycle40n5(depth) + pad[0]
}

//go:noinline
func cycle40n5(depth *uint64) uint64 {
	var pad [2]uint64
	level(depth)
	pad[*depth&1] = *depth
	return cycle40n6(depth) + pad[0]
}

//go:noinline
func cycle40n6(depth *uint64) uint64 {
	var pad [4]uint64
	level(depth)
	pad[*depth&3] = *depth
	return cycle40n7(depth) + pad[0]
}

//go:noinline
func cycle40n7(depth *uint64) uint64 {
	var pad [8]uint64
	level(depth)
	pad[*depth&7] = *depth
	return cycle40n8(depth) + pad[0]
}

//go:noinline
func cycle40n8(depth *uint64) uint64 {
	var pad [1]uint64
	level(depth)
	pad[*depth&0] = *depth
	return cycle40n9(depth) + pad[0]
}

//go:noinline
func cycle40n9(depth *uint64) uint64 {
	var pad [2]uint64
	level(depth)
	pad[*depth&1] = *depth
	return cycle40n10(depth) + pad[0]
}

//go:noinline
func cycle40n10(depth *uint64) uint64 {
	var pad [4]uint64
	level(depth)
	pad[*depth&3] = *depth
	return cycle40n11(depth) + pad[0]
}

//go:noinline
func cycle40n11(depth *uint64) uint64 {
	var pad [8]uint64
	level(depth)
	pad[*depth&7] = *depth
	return cycle40n12(depth) + pad[0]
}

//go:noinline
func cycle40n12(depth *uint64) uint64 {
	var pad [1]uint64
	level(depth)
	pad[*depth&0] = *depth
	return cycle40n13(depth) + pad[0]
}

//go:noinline
func cycle40n13(depth *uint64) uint64 {
	var pad [2]uint64
	level(depth)
	pad[*depth&1] = *depth
	return cycle40n14(depth) + pad[0]
}

//go:noinline
func cycle40n14(depth *uint64) uint64 {
	var pad [4]uint64
	level(depth)
	pad[*depth&3] = *depth
	return cycle40n15(depth) + pad[0]
}

//go:noinline
func cycle40n15(depth *uint64) uint64 {
	var pad [8]uint64
	level(depth)
	pad[*depth&7] = *depth
	return cycle40n16(depth) + pad[0]
}

//go:noinline
func cycle40n16(depth *uint64) uint64 {
	var pad [1]uint64
	level(depth)
	pad[*depth&0] = *depth
	return cycle40n17(depth) + pad[0]
}

//go:noinline
func cycle40n17(depth *uint64) uint64 {
	var pad [2]uint64
	level(depth)
	pad[*depth&1] = *depth
	return cycle40n18(depth) + pad[0]
}

//go:noinline
func cycle40n18(depth *uint64) uint64 {
	var pad [4]uint64
	level(depth)
	pad[*depth&3] = *depth
	return cycle40n19(depth) + pad[0]
}

//go:noinline
func cycle40n19(depth *uint64) uint64 {
	var pad [8]uint64
	level(depth)
	pad[*depth&7] = *depth
	return cycle40n20(depth) + pad[0]
}

//go:noinline
func cycle40n20(depth *uint64) uint64 {
	var pad [1]uint64
	level(depth)
	pad[*depth&0] = *depth
	return cycle40n21(depth) + pad[0]
}

//go:noinline
func cycle40n21(depth *uint64) uint64 {
	var pad [2]uint64
	level(depth)
	pad[*depth&1] = *depth
	return cycle40n22(depth) + pad[0]
}

//go:noinline
func cycle40n22(depth *uint64) uint64 {
	var pad [4]uint64
	level(depth)
	pad[*depth&3] = *depth
	return cycle40n23(depth) + pad[0]
}

//go:noinline
func cycle40n23(depth *uint64) uint64 {
	var pad [8]uint64
	level(depth)
	pad[*depth&7] = *depth
	return cycle40n24(depth) + pad[0]
}

//go:noinline
func cycle40n24(depth *uint64) uint64 {
	var pad [1]uint64
	level(depth)
	pad[*depth&0] = *depth
	return cycle40n25(depth) + pad[0]
}

//go:noinline
func cycle40n25(depth *uint64) uint64 {
	var pad [2]uint64
	level(depth)
	pad[*depth&1] = *depth
	return cycle40n26(depth) + pad[0]
}

//go:noinline
func cycle40n26(depth *uint64) uint64 {
	var pad [4]uint64
	level(depth)
	pad[*depth&3] = *depth
	return cycle40n27(depth) + pad[0]
}

//go:noinline
func cycle40n27(depth *uint64) uint64 {
	var pad [8]uint64
	level(depth)
	pad[*depth&7] = *depth
	return cycle40n28(depth) + pad[0]
}

//go:noinline
func cycle40n28(depth *uint64) uint64 {
	var pad [1]uint64
	level(depth)
	pad[*depth&0] = *depth
	return cycle40n29(depth) + pad[0]
}

//go:noinline
func cycle40n29(depth *uint64) uint64 {
	var pad [2]uint64
	level(depth)
	pad[*depth&1] = *depth
	return cycle40n30(depth) + pad[0]
}

//go:noinline
func cycle40n30(depth *uint64) uint64 {
	var pad [4]uint64
	level(depth)
	pad[*depth&3] = *depth
	return cycle40n31(depth) + pad[0]
}

//go:noinline
func cycle40n31(depth *uint64) uint64 {
	var pad [8]uint64
	level(depth)
	pad[*depth&7] = *depth
	return cycle40n32(depth) + pad[0]
}

//go:noinline
func cycle40n32(depth *uint64) uint64 {
	var pad [1]uint64
	level(depth)
	pad[*depth&0] = *depth
	return cycle40n33(depth) + pad[0]
}

//go:noinline
func cycle40n33(depth *uint64) uint64 {
	var pad [2]uint64
	level(depth)
	pad[*depth&1] = *depth
	return cycle40n34(depth) + pad[0]
}

//go:noinline
func cycle40n34(depth *uint64) uint64 {
	var pad [4]uint64
	level(depth)
	pad[*depth&3] = *depth
	return cycle40n35(depth) + pad[0]
}

//go:noinline
func cycle40n35(depth *uint64) uint64 {
	var pad [8]uint64
	level(depth)
	pad[*depth&7] = *depth
	return cycle40n36(depth) + pad[0]
}

//go:noinline
func cycle40n36(depth *uint64) uint64 {
	var pad [1]uint64
	level(depth)
	pad[*depth&0] = *depth
	return cycle40n37(depth) + pad[0]
}

//go:noinline
func cycle40n37(depth *uint64) uint64 {
	var pad [2]uint64
	level(depth)
	pad[*depth&1] = *depth
	return cycle40n38(depth) + pad[0]
}

//go:noinline
func cycle40n38(depth *uint64) uint64 {
	var pad [4]uint64
	level(depth)
	pad[*depth&3] = *depth
	return cycle40n39(depth) + pad[0]
}

//go:noinline
func cycle40n39(depth *uint64) uint64 {
	var pad [8]uint64
	level(depth)
	pad[*depth&7] = *depth
	return cycle40n0(depth) + pad[0]
}
