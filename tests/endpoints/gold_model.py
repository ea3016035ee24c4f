"""A chat model that does everything right, told from the prompts alone and the instances that they are about."""

import json
import re

from fake_endpoint import Answer, completion

from entropyjax.iwg.checkpoint import hidden

ENDPOINT = """[endpoint]
url = "{url}"
model = "gold"
timeout = 5.0
attempts = 2
first_wait = 0.001
longest_wait = 0.01
{more}
"""


def write_endpoint(path, url, more=""):
    path.write_text(ENDPOINT.format(url=url, more=more))
    return path


class Gold:
    """Responds to requests for a fake endpoint; `change` makes an answer of a body and its text, `None` leaves it."""

    def __init__(self, instances, change=lambda body, text: None):
        self.instances = {one.seed.query: one for one in instances}
        self.change = change

    def __call__(self, body):
        text = body["messages"][0]["content"]
        instance = self.instances[re.search("Task: (.*)\n", text)[1]]
        made = self.judge(instance, text) if "judge" in text else self.plan(instance, text)
        return self.change(body, text) or Answer(completion(json.dumps(made)))

    def judge(self, instance, text):
        said = text.split("It said:\n")[1]
        found = [hidden(one.checkpoint) for one in instance.stages if hidden(one.checkpoint) in said]
        return {"success": bool(found), "summary": found[-1] if found else "", "error": "", "recovery": ""}

    def plan(self, instance, text):
        seen = text.split("What happened so far:")[1]
        values = [hidden(one.checkpoint) for one in instance.stages]
        number = sum(value in seen for value in values)
        if number == len(values):
            return {"thought": "", "dispatches": [], "answer": instance.seed.answer}
        mark = instance.marks[number]
        dispatch = {"executor": mark.executor, "query": instance.stages[number].prompt, "task": ""}
        return {"thought": "so", "dispatches": [dispatch], "answer": ""}
