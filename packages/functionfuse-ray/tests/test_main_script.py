"""What stands in the user's script itself, which no worker can import."""

from __future__ import annotations

from ray_apart import run_script

SCRIPT = """
    import functools

    import ray_apart
    from functionfuse import workflow
    from functionfuse.backends.builtin.rayback import RayWorkflow
    from functionfuse.storage import storage_factory


    class Model:
        def __init__(self, weight):
            self.weight = weight

        def __eq__(self, other):
            # Not the type: cloudpickle wrote the class itself, so what is loaded has its own.
            return type(other).__name__ == "Model" and self.weight == other.weight


    class ScriptError(Exception):
        pass


    def helper(x):
        return x + 1


    @workflow
    def train(x):
        return Model(helper(x))


    def scale(model, by):
        return Model(model.weight * by)


    scaled = workflow(scale)
    scale = None


    @workflow
    class Counter:
        def __init__(self, model):
            self.model = model

        def add(self, n):
            self.model.weight += n
            return Model(self.model.weight)


    @workflow
    def broken(model):
        raise ScriptError(model.weight)


    def make_closure(n):
        def closure(model):
            return model.weight + n

        return workflow(closure)


    def run(storage):
        model = train(1).set_name("model")
        nodes = [
            model,
            scaled(model, by=10).set_name("scaled"),
            Counter(model).add(5).set_name("counted"),
            make_closure(100)(model).set_name("closed"),
            workflow(functools.partial(helper, 6))().set_name("partial"),
        ]
        w = RayWorkflow(*nodes, workflow_name="script")
        w.set_storage(storage)
        results = w.run(return_results=True)
        assert results == [Model(2), Model(20), Model(7), 102, 7], results
        return w.last_run.counts()


    if __name__ == "__main__":
        with ray_apart.running(resources={"_disk": 1}):
            for options in (
                {"kind": "file", "options": {"path": "files"}},
                {
                    "kind": "ray",
                    "options": {"path": "remote", "remoteArgs": {"resources": {"_disk": 0.001}}},
                },
            ):
                storage = storage_factory(options)
                print(run(storage))
                print(run(storage))
                assert storage.read_task("script", "model") == Model(2)
            try:
                RayWorkflow(broken(train(1)), workflow_name="script").run()
            except ScriptError as error:
                assert type(error) is ScriptError
                print("ScriptError", *error.args)
    """


def test_functions_classes_and_errors_of_the_script_itself(tmp_path):
    lines = run_script(tmp_path, SCRIPT).splitlines()
    first, second, *others = lines[:4]
    assert first == "{'executed': 6, 'loaded': 0, 'skipped': 0}"
    assert second == "{'executed': 0, 'loaded': 5, 'skipped': 1}"
    assert others == [first, second]
    assert lines[4:] == ["ScriptError 2"]
