"""VITA: video instance segmentation via object token association, on top of avis.

Heo et al., *VITA*, NeurIPS 2022 (arXiv:2206.04403). Its parts are those of AVISM without audio, so
this package only registers the converter ``vita``; the configs choose what differs.
"""

from vita.converter import convert_vita

__all__ = ['convert_vita']
