// Reads the pages that `PAGES=DIR cargo bench -p benches --bench parse` leaves with the parsers of Prometheus:
// every sample's series, value and, where labelled, labels. Prints the best of many runs, on one thread.
//
//	go run parse.go DIR
package main

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"time"

	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/model/textparse"
)

const runs = 400

func main() {
	runtime.GOMAXPROCS(1)
	for _, page := range []struct{ file, contentType string }{
		{"text", "text/plain; version=0.0.4"},
		{"openmetrics", "application/openmetrics-text; version=1.0.0"},
		{"protobuf", "application/vnd.google.protobuf; proto=io.prometheus.client.MetricFamily; encoding=delimited"},
	} {
		data, err := os.ReadFile(filepath.Join(os.Args[1], page.file))
		if err != nil {
			panic(err)
		}
		for _, labelled := range []bool{false, true} {
			best, samples := time.Hour, 0
			for range runs {
				started := time.Now()
				samples = read(data, page.contentType, labelled)
				best = min(best, time.Since(started))
			}
			perSecond := float64(len(data)) / best.Seconds() / 1e6
			fmt.Printf("%s labelled=%v: %d samples, %.1f us, %.0f MB/s\n",
				page.file, labelled, samples, float64(best.Nanoseconds())/1e3, perSecond)
		}
	}
}

func read(page []byte, contentType string, labelled bool) int {
	parser, err := textparse.New(page, contentType, "", false, false, false, labels.NewSymbolTable())
	if err != nil {
		panic(err)
	}
	var set labels.Labels
	samples := 0
	for {
		entry, err := parser.Next()
		if err != nil {
			return samples
		}
		if entry == textparse.EntrySeries {
			samples++
			parser.Series()
			if labelled {
				parser.Labels(&set)
			}
		}
	}
}
