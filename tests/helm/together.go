package helm

import (
	"fmt"
	"strings"
)

// external are secrets that a release does not make: whoever installs it does, or Strimzi's operators.
func external(objects []Object) map[string]bool {
	known := map[string]bool{"brokers-ca": true, "ca": true, "me": true, "operators": true, "pull": true,
		"ca-copy": true, "user-copy": true, "events-cluster-ca-cert": true}
	for _, object := range objects {
		if object.Kind() == "KafkaUser" && object.Text("metadata", "namespace") == Namespace {
			known[object.Name()] = true
		}
	}
	return known
}

// PodSpecs are the pods of all objects, with the labels that they get.
func PodSpecs(objects []Object) []Object {
	var pods []Object
	for _, object := range objects {
		pod, labels := object.At("spec", "template", "spec"), object.At("spec", "template", "metadata", "labels")
		if object.Kind() == "Pod" {
			pod, labels = object.At("spec"), object.At("metadata", "labels")
		}
		fields, ok := pod.(map[string]interface{})
		if !ok {
			continue
		}
		found := Object{"labels": labels, "claims": object.At("spec", "volumeClaimTemplates")}
		for key, value := range fields {
			found[key] = value
		}
		pods = append(pods, found)
	}
	return pods
}

// matches says whether labels have all that the selector wants.
func matches(selector, labels interface{}) bool {
	wanted, _ := selector.(map[string]interface{})
	had, _ := labels.(map[string]interface{})
	for key, value := range wanted {
		if had[key] != value {
			return false
		}
	}
	return len(wanted) > 0
}

// CheckTogether says which of the objects do not fit the others.
func CheckTogether(objects []Object) []string {
	var mistakes []string
	add := func(format string, arguments ...interface{}) {
		mistakes = append(mistakes, fmt.Sprintf(format, arguments...))
	}
	seen := map[string]bool{}
	for _, object := range objects {
		name := object.Kind() + " " + object.Name()
		if seen[name] {
			add("%s is there twice", name)
		}
		seen[name] = true
		if object.Text("metadata", "namespace") == "" {
			add("%s has no namespace", name)
		}
	}
	workload := workloadOf(objects)
	if workload == nil {
		return append(mistakes, "there is no workload, or more than one")
	}
	mistakes = append(mistakes, checkSelectors(objects, workload)...)
	mistakes = append(mistakes, checkReferences(objects, workload, seen)...)
	for _, pod := range PodSpecs(objects) {
		mistakes = append(mistakes, checkVolumes(pod)...)
		mistakes = append(mistakes, checkSecrets(pod, external(objects))...)
		mistakes = append(mistakes, checkPorts(pod)...)
	}
	return mistakes
}

func workloadOf(objects []Object) Object {
	var found Object
	for _, object := range objects {
		if object.Kind() == "StatefulSet" || object.Kind() == "Deployment" {
			if found != nil {
				return nil
			}
			found = object
		}
	}
	return found
}

// selectorOf is what an object finds pods, or a service, by.
func selectorOf(object Object) interface{} {
	switch object.Kind() {
	case "Service":
		return object.At("spec", "selector")
	case "NetworkPolicy":
		return object.At("spec", "podSelector", "matchLabels")
	case "StatefulSet", "Deployment", "PodDisruptionBudget":
		return object.At("spec", "selector", "matchLabels")
	}
	return nil
}

func checkSelectors(objects []Object, workload Object) []string {
	var mistakes []string
	labels := workload.At("spec", "template", "metadata", "labels")
	for _, object := range objects {
		selector := selectorOf(object)
		if selector == nil {
			continue
		}
		if !matches(selector, labels) {
			mistakes = append(mistakes, fmt.Sprintf("%s selects no pod", object.Kind()))
		}
		for _, other := range objects {
			if other.Kind() == "Pod" && matches(selector, other.At("metadata", "labels")) {
				mistakes = append(mistakes, fmt.Sprintf("%s selects the test's pod", object.Kind()))
			}
		}
	}
	for _, spread := range workload.Objects("spec", "template", "spec", "topologySpreadConstraints") {
		if !matches(spread.At("labelSelector", "matchLabels"), labels) {
			mistakes = append(mistakes, "pods are spread by a selector that they do not match")
		}
	}
	return mistakes
}

func checkReferences(objects []Object, workload Object, seen map[string]bool) []string {
	var mistakes []string
	need := func(who Object, what string) {
		if !seen[what] {
			mistakes = append(mistakes, fmt.Sprintf("%s %s refers to a %s that is not there", who.Kind(), who.Name(), what))
		}
	}
	if workload.Kind() == "StatefulSet" {
		need(workload, "Service "+workload.Text("spec", "serviceName"))
	}
	for _, object := range objects {
		switch object.Kind() {
		case "ScaledObject":
			need(object, object.Text("spec", "scaleTargetRef", "kind")+" "+object.Text("spec", "scaleTargetRef", "name"))
			for _, trigger := range object.Objects("spec", "triggers") {
				if name := trigger.Text("authenticationRef", "name"); name != "" {
					need(object, "TriggerAuthentication "+name)
				}
			}
		case "TriggerAuthentication":
			mistakes = append(mistakes, checkTriggerAuthentication(object, workload, external(objects))...)
		case "ServiceMonitor":
			mistakes = append(mistakes, checkMonitor(object, objects)...)
		case "KafkaTopic", "KafkaUser":
			if object.Text("metadata", "labels", "strimzi.io/cluster") == "" {
				mistakes = append(mistakes, object.Kind()+" belongs to no cluster")
			}
		}
	}
	for _, pod := range PodSpecs(objects) {
		if account := pod.Text("serviceAccountName"); account != "default" && !seen["ServiceAccount "+account] {
			mistakes = append(mistakes, "there is no service account "+account)
		}
	}
	return mistakes
}

func checkTriggerAuthentication(object, workload Object, secrets map[string]bool) []string {
	var mistakes []string
	variables := map[string]bool{}
	for _, container := range workload.Objects("spec", "template", "spec", "containers") {
		for _, variable := range container.Objects("env") {
			variables[container.Text("name")+" "+variable.Text("name")] = true
		}
	}
	for _, one := range object.Objects("spec", "env") {
		if !variables[one.Text("containerName")+" "+one.Text("name")] {
			mistakes = append(mistakes, "no container has the variable "+one.Text("name"))
		}
	}
	for _, one := range object.Objects("spec", "secretTargetRef") {
		if !secrets[one.Text("name")] {
			mistakes = append(mistakes, "nobody makes the secret "+one.Text("name"))
		}
	}
	return mistakes
}

// checkMonitor: it selects a service, by a port that this names, which the pods have.
func checkMonitor(monitor Object, objects []Object) []string {
	for _, service := range objects {
		if service.Kind() != "Service" || !matches(monitor.At("spec", "selector", "matchLabels"), service.At("metadata", "labels")) {
			continue
		}
		for _, port := range service.Objects("spec", "ports") {
			if port.Text("name") == monitor.Objects("spec", "endpoints")[0].Text("port") && portsOf(objects)[port.Text("targetPort")] {
				return nil
			}
		}
	}
	return []string{"the ServiceMonitor finds no service's port"}
}

// portsOf are the names of ports of the workload's containers.
func portsOf(objects []Object) map[string]bool {
	names := map[string]bool{}
	for _, container := range workloadOf(objects).Objects("spec", "template", "spec", "containers") {
		for _, port := range container.Objects("ports") {
			names[port.Text("name")] = true
		}
	}
	return names
}

func checkPorts(pod Object) []string {
	var mistakes []string
	for _, container := range pod.Objects("containers") {
		named := map[string]bool{}
		for _, port := range container.Objects("ports") {
			named[port.Text("name")] = true
		}
		for _, probe := range []string{"startupProbe", "livenessProbe", "readinessProbe"} {
			if container[probe] != nil && !named[container.Text(probe, "httpGet", "port")] {
				mistakes = append(mistakes, probe+" asks a port that has no such name")
			}
		}
	}
	return mistakes
}

// checkVolumes: each mount has a volume and each volume a mount, and every file that a variable names is below one.
func checkVolumes(pod Object) []string {
	var mistakes []string
	volumes, mounted := map[string]bool{}, map[string]bool{}
	for _, volume := range pod.Objects("volumes") {
		volumes[volume.Text("name")] = true
	}
	for _, claim := range pod.Objects("claims") {
		volumes[claim.Text("metadata", "name")] = true
	}
	for _, container := range pod.Objects("containers") {
		var paths []string
		for _, mount := range container.Objects("volumeMounts") {
			mounted[mount.Text("name")] = true
			paths = append(paths, mount.Text("mountPath")+"/")
			if !volumes[mount.Text("name")] {
				mistakes = append(mistakes, "there is no volume "+mount.Text("name"))
			}
		}
		for _, variable := range container.Objects("env") {
			// The test's pod opens no state.
			if value := variable.Text("value"); strings.HasPrefix(value, "/") && !below(value, paths) && !isTest(pod) {
				mistakes = append(mistakes, fmt.Sprintf("%s is %s, where nothing is mounted", variable.Text("name"), value))
			}
		}
	}
	for name := range volumes {
		if !mounted[name] {
			mistakes = append(mistakes, "nobody mounts the volume "+name)
		}
	}
	return mistakes
}

func isTest(pod Object) bool { return pod.Text("labels", "app.kubernetes.io/component") == "test" }

func below(path string, directories []string) bool {
	for _, directory := range directories {
		if strings.HasPrefix(path, directory) {
			return true
		}
	}
	return false
}

func checkSecrets(pod Object, known map[string]bool) []string {
	var names, mistakes []string
	for _, volume := range pod.Objects("volumes") {
		names = append(names, volume.Text("secret", "secretName"))
	}
	for _, secret := range pod.Objects("imagePullSecrets") {
		names = append(names, secret.Text("name"))
	}
	for _, container := range pod.Objects("containers") {
		for _, variable := range container.Objects("env") {
			names = append(names, variable.Text("valueFrom", "secretKeyRef", "name"))
		}
	}
	for _, name := range names {
		if name != "" && !known[name] {
			mistakes = append(mistakes, "nobody makes the secret "+name)
		}
	}
	return mistakes
}
