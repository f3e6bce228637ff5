package main

// cycle40n0 to cycle40n39 call each other in a ring. Their frames have four different sizes.

//go:noinline
func cycle40n0(left int) int {
	var pad [1]int
	pad[left&0] = left
	if left > 1 {
		return cycle40n1(left-1) + pad[0]
	}
	bottom()
	return pad[0]
}

//go:noinline
func cycle40n1(left int) int {
	var pad [2]int
	pad[left&1] = left
	if left > 1 {
		return cycle40n2(left-1) + pad[0]
	}
	bottom()
	return pad[0]
}

//go:noinline
func cycle40n2(left int) int {
	var pad [4]int
	pad[left&3] = left
	if left > 1 {
		return cycle40n3(left-1) + pad[0]
	}
	bottom()
	return pad[0]
}

//go:noinline
func cycle40n3(left int) int {
	var pad [8]int
	pad[left&7] = left
	if left > 1 {
		return cycle40n4(left-1) + pad[0]
	}
	bottom()
	return pad[0]
}

//go:noinline
func cycle40n4(left int) int {
	var pad [1]int
	pad[left&0] = left
	if left > 1 {
		return cycle40n5(left-1) + pad[0]
	}
	bottom()
	return pad[0]
}

//go:noinline
func cycle40n5(left int) int {
	var pad [2]int
	pad[left&1] = left
	if left > 1 {
		return cycle40n6(left-1) + pad[0]
	}
	bottom()
	return pad[0]
}

//go:noinline
func cycle40n6(left int) int {
	var pad [4]int
	pad[left&3] = left
	if left > 1 {
		return cycle40n7(left-1) + pad[0]
	}
	bottom()
	return pad[0]
}

//go:noinline
func cycle40n7(left int) int {
	var pad [8]int
	pad[left&7] = left
	if left > 1 {
		return cycle40n8(left-1) + pad[0]
	}
	bottom()
	return pad[0]
}

//go:noinline
func cycle40n8(left int) int {
	var pad [1]int
	pad[left&0] = left
	if left > 1 {
		return cycle40n9(left-1) + pad[0]
	}
	bottom()
	return pad[0]
}

//go:noinline
func cycle40n9(left int) int {
	var pad [2]int
	pad[left&1] = left
	if left > 1 {
		return cycle40n10(left-1) + pad[0]
	}
	bottom()
	return pad[0]
}

//go:noinline
func cycle40n10(left int) int {
	var pad [4]int
	pad[left&3] = left
	if left > 1 {
		return cycle40n11(left-1) + pad[0]
	}
	bottom()
	return pad[0]
}

//go:noinline
func cycle40n11(left int) int {
	var pad [8]int
	pad[left&7] = left
	if left > 1 {
		return cycle40n12(left-1) + pad[0]
	}
	bottom()
	return pad[0]
}

//go:noinline
func cycle40n12(left int) int {
	var pad [1]int
	pad[left&0] = left
	if left > 1 {
		return cycle40n13(left-1) + pad[0]
	}
	bottom()
	return pad[0]
}

//go:noinline
func cycle40n13(left int) int {
	var pad [2]int
	pad[left&1] = left
	if left > 1 {
		return cycle40n14(left-1) + pad[0]
	}
	bottom()
	return pad[0]
}

//go:noinline
func cycle40n14(left int) int {
	var pad [4]int
	pad[left&3] = left
	if left > 1 {
		return cycle40n15(left-1) + pad[0]
	}
	bottom()
	return pad[0]
}

//go:noinline
func cycle40n15(left int) int {
	var pad [8]int
	pad[left&7] = left
	if left > 1 {
		return cycle40n16(left-1) + pad[0]
	}
	bottom()
	return pad[0]
}

//go:noinline
func cycle40n16(left int) int {
	var pad [1]int
	pad[left&0] = left
	if left > 1 {
		return cycle40n17(left-1) + pad[0]
	}
	bottom()
	return pad[0]
}

//go:noinline
func cycle40n17(left int) int {
	var pad [2]int
	pad[left&1] = left
	if left > 1 {
		return cycle40n18(left-1) + pad[0]
	}
	bottom()
	return pad[0]
}

//go:noinline
func cycle40n18(left int) int {
	var pad [4]int
	pad[left&3] = left
	if left > 1 {
		return cycle40n19(left-1) + pad[0]
	}
	bottom()
	return pad[0]
}

//go:noinline
func cycle40n19(left int) int {
	var pad [8]int
	pad[left&7] = left
	if left > 1 {
		return cycle40n20(left-1) + pad[0]
	}
	bottom()
	return pad[0]
}

//go:noinline
func cycle40n20(left int) int {
	var pad [1]int
	pad[left&0] = left
	if left > 1 {
		return cycle40n21(left-1) + pad[0]
	}
	bottom()
	return pad[0]
}

//go:noinline
func cycle40n21(left int) int {
	var pad [2]int
	pad[left&1] = left
	if left > 1 {
		return cycle40n22(left-1) + pad[0]
	}
	bottom()
	return pad[0]
}

//go:noinline
func cycle40n22(left int) int {
	var pad [4]int
	pad[left&3] = left
	if left > 1 {
		return cycle40n23(left-1) + pad[0]
	}
	bottom()
	return pad[0]
}

//go:noinline
func cycle40n23(left int) int {
	var pad [8]int
	pad[left&7] = left
	if left > 1 {
		return cycle40n24(left-1) + pad[0]
	}
	bottom()
	return pad[0]
}

//go:noinline
func cycle40n24(left int) int {
	var pad [1]int
	pad[left&0] = left
	if left > 1 {
		return cycle40n25(left-1) + pad[0]
	}
	bottom()
	return pad[0]
}

//go:noinline
func cycle40n25(left int) int {
	var pad [2]int
	pad[left&1] = left
	if left > 1 {
		return cycle40n26(left-1) + pad[0]
	}
	bottom()
	return pad[0]
}

//go:noinline
func cycle40n26(left int) int {
	var pad [4]int
	pad[left&3] = left
	if left > 1 {
		return cycle40n27(left-1) + pad[0]
	}
	bottom()
	return pad[0]
}

//go:noinline
func cycle40n27(left int) int {
	var pad [8]int
	pad[left&7] = left
	if left > 1 {
		return cycle40n28(left-1) + pad[0]
	}
	bottom()
	return pad[0]
}

//go:noinline
func cycle40n28(left int) int {
	var pad [1]int
	pad[left&0] = left
	if left > 1 {
		return cycle40n29(left-1) + pad[0]
	}
	bottom()
	return pad[0]
}

//go:noinline
func cycle40n29(left int) int {
	var pad [2]int
	pad[left&1] = left
	if left > 1 {
		return cycle40n30(left-1) + pad[0]
	}
	bottom()
	return pad[0]
}

//go:noinline
func cycle40n30(left int) int {
	var pad [4]int
	pad[left&3] = left
	if left > 1 {
		return cycle40n31(left-1) + pad[0]
	}
	bottom()
	return pad[0]
}

//go:noinline
func cycle40n31(left int) int {
	var pad [8]int
	pad[left&7] = left
	if left > 1 {
		return cycle40n32(left-1) + pad[0]
	}
	bottom()
	return pad[0]
}

//go:noinline
func cycle40n32(left int) int {
	var pad [1]int
	pad[left&0] = left
	if left > 1 {
		return cycle40n33(left-1) + pad[0]
	}
	bottom()
	return pad[0]
}

//go:noinline
func cycle40n33(left int) int {
	var pad [2]int
	pad[left&1] = left
	if left > 1 {
		return cycle40n34(left-1) + pad[0]
	}
	bottom()
	return pad[0]
}

//go:noinline
func cycle40n34(left int) int {
	var pad [4]int
	pad[left&3] = left
	if left > 1 {
		return cycle40n35(left-1) + pad[0]
	}
	bottom()
	return pad[0]
}

//go:noinline
func cycle40n35(left int) int {
	var pad [8]int
	pad[left&7] = left
	if left > 1 {
		return cycle40n36(left-1) + pad[0]
	}
	bottom()
	return pad[0]
}

//go:noinline
func cycle40n36(left int) int {
	var pad [1]int
	pad[left&0] = left
	if left > 1 {
		return cycle40n37(left-1) + pad[0]
	}
	bottom()
	return pad[0]
}

//go:noinline
func cycle40n37(left int) int {
	var pad [2]int
	pad[left&1] = left
	if left > 1 {
		return cycle40n38(left-1) + pad[0]
	}
	bottom()
	return pad[0]
}

//go:noinline
func cycle40n38(left int) int {
	var pad [4]int
	pad[left&3] = left
	if left > 1 {
		return cycle40n39(left-1) + pad[0]
	}
	bottom()
	return pad[0]
}

//go:noinline
func cycle40n39(left int) int {
	var pad [8]int
	pad[left&7] = left
	if left > 1 {
		return cycle40n0(left-1) + pad[0]
	}
	bottom()
	return pad[0]
}
