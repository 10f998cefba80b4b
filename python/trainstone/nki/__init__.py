"""NKI kernels on the modelled chip.

`import trainstone.nki.activate` makes the names nki and neuronxcc.nki importable (python -m trainstone does so too);
this package implements them.
"""
