"""The world around the model: study stores (``studies``), encoders and the vectors they made (``encoders``)."""
