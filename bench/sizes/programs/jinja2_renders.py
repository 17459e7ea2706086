from jinja2 import DictLoader, Environment

environment = Environment(
    loader=DictLoader({"page": "{% for n in names %}{{ n|upper }} {% endfor %}"})
)
print(environment.get_template("page").render(names=["a", "b"]))
