//go:build tools

// Package toxiproxy pins the Toxiproxy server that the lab runs: go.mod names the version, go.sum its hashes, and this
// import makes Go keep both. The script `build` builds it, for the local runtime and for the offline images alike.
package toxiproxy

import (
	_ "github.com/Shopify/toxiproxy/v2/cmd/cli" // the health check of the container
	_ "github.com/Shopify/toxiproxy/v2/cmd/server"
)
