"""IBSI radiomics of one lesion: a volume and a region in, named numbers out.

The workflow and the definitions are those of the image biomarker standardisation initiative (Zwanenburg 2020,
Radiology 295:328; reference manual arXiv:1612.07003v11); ``tests/reference/test_ibsi_phantom.py`` holds every number
against the manual's digital phantom. ``preparation`` has the choices of each step, ``library`` the families that
flash-radiomics gives right, ``morphology`` and ``peak`` what it does not.
"""

from tumorcast_imaging.model.lesions.radiomics.workflow import radiomics

__all__ = ["radiomics"]
