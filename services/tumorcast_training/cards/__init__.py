"""Model cards, generated and never edited: Markdown by TRIPOD+AI and CHAI's schema, with an EU AI Act mapping.

TRIPOD+AI: Collins et al., BMJ 2024;385:e078378. CHAI: Coalition for Health AI, Applied Model Card schema v0.2
(github.com/coalition-for-health-ai/mc-schema). EU AI Act: Regulation (EU) 2024/1689.
"""

from tumorcast_training.cards.prognosis import card
from tumorcast_training.cards.simulated import simulated_card
from tumorcast_training.cards.verdicts import findings

__all__ = ["card", "findings", "simulated_card"]
