#!/usr/bin/env bash
# parquet-go writes a zero either as zero or as NULL, depending on the row's position in the slice
# given to Write.
#
# Software:  Go module github.com/parquet-go/parquet-go v0.32.0
# Behaviour: A column is optional in the file and a plain value in the Go struct
#            (`parquet:"value,optional"`, float64). By the project's documentation a zero becomes
#            NULL. But a zero after the last non-zero value of a slice stays a zero if the slice is
#            short or its end does not fill a block. If the same rows are written one by one, these
#            zeros become NULL: the readings 0, 1, 0 become NULL, 1, 0 in one call and NULL, 1, NULL
#            in three calls. In 70 rows with zeros at 30, 62, 63, 64 and 69, those at 62 and 63 are
#            zeros and the others are NULL. int64, bool and string do the same.
# Expected:  A zero always has the same meaning, and the same rows give the same file.
# Remedy:    Use a pointer field: nil is NULL and a pointer to zero is zero, in every position.
# Matters:   A reading of 0.0, a count of 0, or a "false" is data. Averages and counts over such a
#            file depend on how the rows were batched. If the batch size changes, a second export of
#            a day differs from the first one.
# Seen:      the table below, read back with pointers.
set -euo pipefail
expected='one call    0 1 0        -> null 1 0
row by row  0 1 0        -> null 1 null
one call    1 0          -> 1 null
one call    0 1 0 0      -> null 1 0 0
one call    0 0 1 0 0 1  -> null null 1 null null 1
one call    70 rows with zeros at 30 62 63 64 69 -> zero at 62 63, null at 30 64 69
pointers    0 1 0        -> 0 1 0'

command -v go >/dev/null || { echo "missing: go (1.25 or later)"; exit 2; }
work=$(mktemp -d); trap 'rm -rf "$work"' EXIT; cd "$work"
export GOPATH="$work/go" GOFLAGS="-modcacherw -trimpath"
{ go mod init finding && timeout 170 go get github.com/parquet-go/parquet-go@v0.32.0; } >log 2>&1 ||
    { echo "missing: the Go module parquet-go: $(tail -n 1 log)"; exit 2; }

cat >main.go <<'GO'
package main

import (
	"bytes"
	"fmt"
	"io"
	"strings"

	"github.com/parquet-go/parquet-go"
)

type plain struct {
	ID    string  `parquet:"id"`
	Value float64 `parquet:"value,optional"`
}

type pointed struct {
	ID    string   `parquet:"id"`
	Value *float64 `parquet:"value,optional"`
}

func write[T any](rows []T, atOnce int) []pointed {
	var file bytes.Buffer
	writer := parquet.NewGenericWriter[T](&file)
	for start := 0; start < len(rows); start += atOnce {
		if _, err := writer.Write(rows[start:min(start+atOnce, len(rows))]); err != nil {
			panic(err)
		}
	}
	if err := writer.Close(); err != nil {
		panic(err)
	}
	back := make([]pointed, len(rows))
	if n, err := parquet.NewGenericReader[pointed](bytes.NewReader(file.Bytes())).Read(back); n != len(rows) || (err != nil && err != io.EOF) {
		panic(fmt.Sprint(n, err))
	}
	return back
}

func rows(values ...float64) (out []plain) {
	for _, v := range values {
		out = append(out, plain{"a", v})
	}
	return
}

func text(rows []pointed) string {
	var out []string
	for _, r := range rows {
		if r.Value == nil {
			out = append(out, "null")
		} else {
			out = append(out, fmt.Sprint(*r.Value))
		}
	}
	return strings.Join(out, " ")
}

func main() {
	fmt.Println("one call    0 1 0        ->", text(write(rows(0, 1, 0), 3)))
	fmt.Println("row by row  0 1 0        ->", text(write(rows(0, 1, 0), 1)))
	fmt.Println("one call    1 0          ->", text(write(rows(1, 0), 2)))
	fmt.Println("one call    0 1 0 0      ->", text(write(rows(0, 1, 0, 0), 4)))
	fmt.Println("one call    0 0 1 0 0 1  ->", text(write(rows(0, 0, 1, 0, 0, 1), 6)))
	many := make([]float64, 70)
	for i := range many {
		many[i] = 1
	}
	for _, i := range []int{30, 62, 63, 64, 69} {
		many[i] = 0
	}
	var zeros, nulls string
	for i, r := range write(rows(many...), 70) {
		if r.Value == nil {
			nulls += fmt.Sprint(" ", i)
		} else if *r.Value == 0 {
			zeros += fmt.Sprint(" ", i)
		}
	}
	fmt.Printf("one call    70 rows with zeros at 30 62 63 64 69 -> zero at%s, null at%s\n", zeros, nulls)
	zero, one := 0.0, 1.0
	fmt.Println("pointers    0 1 0        ->", text(write([]pointed{{"a", &zero}, {"a", &one}, {"a", &zero}}, 3)))
}
GO
seen=$(timeout 170 go run . 2>log) || { cat log; exit 1; }
echo "$seen"
[ "$seen" = "$expected" ] || { echo "The output differs from the description. The described output is:"; echo "$expected"; exit 1; }
