"""The night: plan, questions, training, gate, publish, report; and the clock that starts it.

`plan` groups recent facts into topics, `writers` and `rules` turn facts into questions, `rows` into training rows,
`train` teaches a module, `gate` examines it, `journal` remembers how far a night came, `night` runs it all, `schedule`
runs it every night.
"""
