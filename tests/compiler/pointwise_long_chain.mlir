//: title a chain longer than a group, with values that leave it in the middle
//: random 1
//: reference
func @main(%x: f32[37,5], %y: f32[37,5]) -> (f32[37,5], f32[37,5], f32[5,37]) {
  %v0 = add %x, %y
  %v1 = subtract %v0, %x
  %v2 = subtract %v1, %y
  %v3 = multiply %v2, %x
  %v4 = subtract %v3, %y
  %v5 = subtract %v4, %x
  %v6 = multiply %v5, %y
  %v7 = subtract %v6, %x
  %v8 = subtract %v7, %y
  %v9 = multiply %v8, %x
  %v10 = subtract %v9, %y
  %v11 = subtract %v10, %x
  %v12 = multiply %v11, %y
  %v13 = subtract %v12, %x
  %v14 = subtract %v13, %y
  %v15 = multiply %v14, %x
  %v16 = subtract %v15, %y
  %v17 = subtract %v16, %x
  %v18 = multiply %v17, %y
  %v19 = subtract %v18, %x
  %v20 = subtract %v19, %y
  %v21 = multiply %v20, %x
  %v22 = subtract %v21, %y
  %v23 = subtract %v22, %x
  %v24 = multiply %v23, %y
  %v25 = subtract %v24, %x
  %v26 = subtract %v25, %y
  %v27 = multiply %v26, %x
  %v28 = subtract %v27, %y
  %v29 = subtract %v28, %x
  %v30 = multiply %v29, %y
  %v31 = subtract %v30, %x
  %v32 = subtract %v31, %y
  %v33 = multiply %v32, %x
  %v34 = subtract %v33, %y
  %v35 = subtract %v34, %x
  %v36 = multiply %v35, %y
  %v37 = subtract %v36, %x
  %v38 = subtract %v37, %y
  %v39 = multiply %v38, %x
  %v40 = subtract %v39, %y
  %v41 = subtract %v40, %x
  %v42 = multiply %v41, %y
  %v43 = subtract %v42, %x
  %v44 = subtract %v43, %y
  %v45 = multiply %v44, %x
  %v46 = subtract %v45, %y
  %v47 = subtract %v46, %x
  %v48 = multiply %v47, %y
  %v49 = subtract %v48, %x
  %v50 = subtract %v49, %y
  %v51 = multiply %v50, %x
  %v52 = subtract %v51, %y
  %v53 = subtract %v52, %x
  %v54 = multiply %v53, %y
  %v55 = subtract %v54, %x
  %v56 = subtract %v55, %y
  %v57 = multiply %v56, %x
  %v58 = subtract %v57, %y
  %v59 = subtract %v58, %x
  %v60 = multiply %v59, %y
  %t = transpose %v30 {permutation = [1, 0]} : f32[5,37]
  return %v60, %v17, %t
}
