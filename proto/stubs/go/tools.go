//go:build tools

// Package tools names the generators of ./dev stubs go, so that go.sum holds their digests.
package tools

import (
	_ "google.golang.org/grpc/cmd/protoc-gen-go-grpc"
	_ "google.golang.org/protobuf/cmd/protoc-gen-go"
)
