"""What moves numbers is a product with a matrix of zeros and ones: taps, windows, centring, one-hot rows.

The optimisers compute in float64, and networks are folds over their layers.
"""

LOSES = ()
