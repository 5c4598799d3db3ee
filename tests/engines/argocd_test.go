package engines

import (
	"regexp"
	"testing"
	"time"

	lua "github.com/yuin/gopher-lua"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/yaml"
)

// The customizations in the ConfigMap that Argo CD is given.
type argocd struct {
	Health  string `json:"resource.customizations.health.live.huaweicloud.com_RecordingCallback"`
	Actions string `json:"resource.customizations.actions.live.huaweicloud.com_RecordingCallback"`
}

type actions struct {
	Discovery   string `json:"discovery.lua"`
	Definitions []struct {
		Name string
		Lua  string `json:"action.lua"`
	}
}

func customizations(t *testing.T) (string, actions) {
	t.Helper()
	var configMap struct{ Data argocd }
	parse(t, "deploy/argocd/argocd-cm.yaml", &configMap)
	var found actions
	if err := yaml.UnmarshalStrict([]byte(configMap.Data.Actions), &found); err != nil {
		t.Fatal(err)
	}
	return configMap.Data.Health, found
}

// run runs a script as Argo CD does: with a bare set of libraries, one second, and the object as the global `obj`.
func run(t *testing.T, script string, object map[string]any) map[string]any {
	t.Helper()
	state := lua.NewState(lua.Options{SkipOpenLibs: true})
	defer state.Close()
	for name, open := range map[string]lua.LGFunction{
		lua.LoadLibName: lua.OpenPackage, lua.BaseLibName: lua.OpenBase, lua.TabLibName: lua.OpenTable, lua.StringLibName: lua.OpenString,
		lua.MathLibName: lua.OpenMath, lua.OsLibName: safeOS,
	} {
		state.Push(state.NewFunction(open))
		state.Push(lua.LString(name))
		state.Call(1, 0)
	}
	state.SetContext(deadline(t, time.Second))
	state.SetGlobal("obj", toLua(state, object))
	if err := state.DoString(script); err != nil {
		t.Fatal(err)
	}
	result, isTable := fromLua(state.Get(-1)).(map[string]any)
	if !isTable {
		t.Fatal("the script returned no table")
	}
	return result
}

func TestArgoCDHealth(t *testing.T) {
	health, _ := customizations(t)
	judge(t, func(s stage) string { return s.Argo }, func(t *testing.T, object *unstructured.Unstructured) string {
		result := run(t, health, object.Object)
		if message, _ := result["message"].(string); message == "" {
			t.Error("there is no message")
		}
		return result["status"].(string)
	})
}

// Argo CD runs the health script on what a Git repository holds, too, and on objects of an API server without defaults.
func TestArgoCDHealthWithoutStatus(t *testing.T) {
	health, _ := customizations(t)
	object := stages(t)[0].object(t).Object
	delete(object, "status")
	if result := run(t, health, object); result["status"] != "Progressing" {
		t.Error(result)
	}
}

func TestArgoCDActions(t *testing.T) {
	_, actions := customizations(t)
	suspended := func(object map[string]any) any { return object["spec"].(map[string]any)["suspend"] }
	object := stages(t)[0].object(t).Object
	scripts := map[string]string{}
	offered := run(t, actions.Discovery, object)
	for _, definition := range actions.Definitions {
		scripts[definition.Name] = definition.Lua
		if offered[definition.Name] == nil {
			t.Errorf("%s is not offered", definition.Name)
		}
	}
	if len(scripts) != len(offered) || len(scripts) != 3 {
		t.Errorf("offered are %v", offered)
	}
	enabled := func(object map[string]any, action string) bool {
		return run(t, actions.Discovery, object)[action].(map[string]any)["disabled"] == false
	}
	if !enabled(object, "suspend") || !enabled(object, "reconcile") || enabled(object, "resume") {
		t.Error("the wrong actions are enabled")
	}

	asked := run(t, scripts["reconcile"], object)["metadata"].(map[string]any)["annotations"].(map[string]any)
	token, _ := asked["live.huaweicloud.com/reconcile-requested-at"].(string)
	if !regexp.MustCompile(`^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$`).MatchString(token) {
		t.Errorf("the token is %q", token)
	}

	object = run(t, scripts["suspend"], object)
	if suspended(object) != true || enabled(object, "suspend") || enabled(object, "reconcile") || !enabled(object, "resume") {
		t.Error("suspend does not suspend")
	}
	object = run(t, scripts["resume"], object)
	if suspended(object) != nil || !enabled(object, "suspend") {
		t.Error("resume does not resume")
	}
}
