// Command render prints the objects that the chart gives for the values on its standard input, as JSON. It is run in
// tests/helm.
package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"

	helm "once/tests/helm"
)

func main() {
	if err := render(); err != nil {
		fmt.Fprintln(os.Stderr, "render:", err)
		os.Exit(1)
	}
}

func render() error {
	text, err := io.ReadAll(os.Stdin)
	if err != nil {
		return err
	}
	values, err := helm.Values(string(text))
	if err != nil {
		return err
	}
	objects, _, err := helm.Render(values)
	if err != nil {
		return err
	}
	return json.NewEncoder(os.Stdout).Encode(objects)
}
