// Package helm renders the chart as Helm does, for the tests beside it and for `rehearse`.
package helm

import (
	"fmt"
	"path/filepath"
	"sort"
	"strings"

	"helm.sh/helm/v3/pkg/chart/loader"
	"helm.sh/helm/v3/pkg/chartutil"
	"helm.sh/helm/v3/pkg/engine"
	"helm.sh/helm/v3/pkg/releaseutil"
	"sigs.k8s.io/yaml"
)

// ChartDir is the chart's, seen from this directory.
var ChartDir = filepath.Join("..", "..", "docker", "helm", "once")

// Namespace and Release are what everything is rendered for.
const (
	Namespace = "streams"
	Release   = "order-totals"
)

// Object is one rendered Kubernetes object.
type Object map[string]interface{}

// Kind is the object's kind.
func (o Object) Kind() string { return o.Text("kind") }

// Name is the object's name.
func (o Object) Name() string { return o.Text("metadata", "name") }

// At follows keys; nil where there is nothing.
func (o Object) At(keys ...string) interface{} {
	var value interface{} = map[string]interface{}(o)
	for _, key := range keys {
		fields, ok := value.(map[string]interface{})
		if !ok {
			return nil
		}
		value = fields[key]
	}
	return value
}

// Text is the text there, or "".
func (o Object) Text(keys ...string) string {
	text, _ := o.At(keys...).(string)
	return text
}

// Objects is the list of objects there; nil where there is none.
func (o Object) Objects(keys ...string) []Object {
	list, _ := o.At(keys...).([]interface{})
	var objects []Object
	for _, entry := range list {
		if fields, ok := entry.(map[string]interface{}); ok {
			objects = append(objects, fields)
		}
	}
	return objects
}

// Values parses a piece of values.yaml.
func Values(text string) (map[string]interface{}, error) {
	values := map[string]interface{}{}
	if err := yaml.Unmarshal([]byte(text), &values); err != nil {
		return nil, fmt.Errorf("values: %w", err)
	}
	return values, nil
}

// Render checks values against the chart's schema and renders it: the objects, hooks among them, and the notes.
func Render(values map[string]interface{}) ([]Object, string, error) {
	chart, err := loader.Load(ChartDir)
	if err != nil {
		return nil, "", err
	}
	release := chartutil.ReleaseOptions{Name: Release, Namespace: Namespace, Revision: 1, IsInstall: true}
	all, err := chartutil.ToRenderValues(chart, values, release, chartutil.DefaultCapabilities)
	if err != nil {
		return nil, "", err
	}
	files, err := engine.Render(chart, all)
	if err != nil {
		return nil, "", err
	}
	var objects []Object
	notes := ""
	for _, file := range sortedKeys(files) {
		if strings.HasSuffix(file, "NOTES.txt") {
			notes = files[file]
			continue
		}
		documents := releaseutil.SplitManifests(files[file])
		for _, key := range sortedKeys(documents) {
			object := Object{}
			// Strict: a key that is given twice is a mistake.
			if err := yaml.UnmarshalStrict([]byte(documents[key]), &object); err != nil {
				return nil, "", fmt.Errorf("%s: %w\n%s", file, err, documents[key])
			}
			if len(object) > 0 {
				objects = append(objects, object)
			}
		}
	}
	return objects, notes, nil
}

func sortedKeys(files map[string]string) []string {
	keys := make([]string, 0, len(files))
	for key := range files {
		keys = append(keys, key)
	}
	sort.Strings(keys)
	return keys
}
