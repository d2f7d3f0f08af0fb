"""The labeler's tables: which phrases name an observation, which deny or doubt it, and which look like it and are not.

Phrases are matched word by word, the longest first; plurals count as singulars, hyphens as spaces, and words that only
say where or how much (`FILLERS`) may stand between the words of a phrase: "blunting costophrenic angle" is found in
"blunting of the left costophrenic angle". The scope is that of CheXpert's labeler (Irvin et al. 2019), the words ours.
"""

from __future__ import annotations

OTHER = "Other Abnormality"
"""No CheXpert observation, but a film that shows it is not without finding (as in CheXpert's labeler)."""

ACUTE = "Any Acute Abnormality"
"""What "no acute cardiopulmonary abnormality" denies: a sentence that does says 'No Finding' in its own words."""

MENTIONS: dict[str, tuple[str, ...]] = {
    "Enlarged Cardiomediastinum": (
        "widened mediastinum", "mediastinal widening", "widening mediastinum", "mediastinal enlargement",
        "enlarged mediastinum", "enlarged cardiomediastinum", "widened cardiomediastinum",
        "enlarged cardiomediastinal silhouette", "enlargement cardiomediastinal silhouette",
        "widened mediastinal silhouette", "widened mediastinal contour", "enlarged mediastinal silhouette",
        "enlarged mediastinal contour", "enlarged cardiomediastinal contour", "broadened mediastinum",
        "prominent mediastinum", "mediastinal prominence",
    ),
    "Cardiomegaly": (
        "cardiomegaly", "enlarged heart", "enlarged cardiac silhouette", "enlarged heart silhouette",
        "enlargement heart", "enlargement cardiac silhouette", "enlargement cardiac shadow", "cardiac enlargement",
        "heart enlargement", "increased heart size", "increased cardiac size", "increase heart size",
        "enlarged cardiac contour", "enlarged cardiac shadow", "enlarged heart size", "increased cardiothoracic ratio",
        "enlarged cardiopericardial silhouette", "enlargement cardiopericardial silhouette", "big heart",
        "dilated heart", "cardiac silhouette enlargement",
    ),
    "Lung Opacity": (
        "opacity", "opacification", "opacified", "airspace disease", "air space disease", "airspace process",
        "air space process", "airspace density", "air space density", "airspace abnormality", "infiltrate",
        "infiltration", "infiltrative", "parenchymal density", "increased density", "increased lung density",
        "hazy density", "patchy density", "pulmonary density", "linear density", "streaky density", "ill defined density",
        "basilar density", "haziness", "hazy shadowing", "vague shadowing", "shadowing", "ground glass",
        "interstitial thickening", "interstitial disease", "interstitial lung disease", "interstitial pattern",
        "interstitial process", "interstitial change", "interstitial abnormality", "reticular pattern",
        "reticular change", "reticulation", "reticulonodular", "increased interstitial marking",
        "prominent interstitial marking", "interstitial prominence", "prominence interstitial marking",
        "prominent interstitium", "parenchymal scar", "pulmonary scar", "lung scar", "peribronchial thickening",
        "bronchial wall thickening", "airspace filling", "alveolar disease", "alveolar process", "scar", "scarring",
        "peribronchial cuffing", "coarse interstitial marking", "increased lung marking", "accentuated marking",
    ),
    "Lung Lesion": (
        "nodule", "pulmonary lesion", "lung lesion", "parenchymal lesion", "cavitary lesion", "coin lesion", "mass",
        "nodular density", "nodularity", "tumor", "tumour", "neoplasm", "neoplastic disease",
        "carcinoma", "lung cancer", "bronchogenic cancer", "malignancy", "metastasis", "metastases",
        "metastatic disease", "lump", "lung malignancy", "rounded lesion", "spiculated lesion", "cavitation",
    ),
    "Edema": (
        "edema", "oedema", "heart failure", "congestive heart failure", "cardiac failure", "chf", "fluid overload",
        "volume overload", "interstitial fluid overload", "kerley line", "kerley b line", "cardiac decompensation",
        "septal line", "pulmonary venous hypertension", "hydrostatic fluid",
    ),
    "Consolidation": ("consolidation", "consolidated", "consolidative change", "consolidative process"),
    "Pneumonia": (
        "pneumonia", "bronchopneumonia", "infection", "infectious process", "infectious infiltrate",
        "infectious etiology", "infectious disease", "pneumonic infiltrate", "pneumonic process", "pneumonitis",
        "infectious consolidation", "bronchopneumonic foci", "infectious change",
    ),
    "Atelectasis": (
        "atelectasis", "atelectases", "atelectatic", "atelectatic change", "subsegmental collapse", "lobar collapse",
        "linear collapse", "lung collapse", "collapse lobe", "collapsed lobe", "collapsed lung", "partial collapse",
        "lobe collapse", "volume loss", "loss volume", "collapse lung", "complete collapse",
    ),
    "Pneumothorax": (
        "pneumothorax", "pneumothoraces", "ptx", "hydropneumothorax", "hemopneumothorax", "visceral pleural line",
        "pleural air", "air pleural space", "collapsed lung edge",
    ),
    "Pleural Effusion": (
        "pleural effusion", "effusion", "pleural fluid", "fluid pleural space", "hydrothorax", "hemothorax",
        "empyema", "hydropneumothorax", "hemopneumothorax", "pleural collection", "fluid fissure", "pyothorax",
        "fissural fluid", "parapneumonic effusion", "fluid pleural cavity",
    ),
    "Pleural Other": (
        "pleural thickening", "pleural scar", "pleural scarring", "thickening pleura", "pleural plaque", "fibrothorax",
        "pleural parenchymal scar", "pleuroparenchymal scar", "pleural fibrosis", "pleural calcification",
        "pleural reaction", "apical thickening", "apical pleural thickening", "thickened pleura", "pleuropericardial scar",
        "pleural based thickening", "pleural parenchymal scarring", "pleuroparenchymal scarring", "apical cap",
        "pleural disease", "pleural based scarring", "pleural apical scarring", "calcified pleura",
    ),
    "Fracture": (
        "fracture", "fractured", "cortical break", "cortical disruption", "cortical step off", "fx",
        "compression fracture", "broken rib",
    ),
    "Support Devices": (
        "pacemaker", "pacer", "pacing device", "pacemaker lead", "pacing lead", "pacer lead", "icd", "aicd",
        "defibrillator", "line", "central line", "picc", "picc line", "catheter", "port a cath", "portacath",
        "mediport", "infusaport", "chest port", "chemotherapy port", "port", "tube", "chest tube", "endotracheal tube",
        "et tube", "ng tube", "tracheostomy", "tracheostomy tube", "nasogastric tube", "enteric tube", "feeding tube",
        "dobhoff", "swan ganz", "drain", "pigtail", "balloon pump", "iabp", "lvad", "ventricular assist device",
        "device", "hardware", "screw", "plate", "rod", "cannula", "coil", "marker", "equipment", "support apparatus",
        "prosthesis", "prosthetic valve", "artificial valve", "valve replacement", "valve prosthesis", "valve",
        "arthroplasty", "shoulder replacement", "stent", "stimulator", "neurostimulator", "generator", "shunt",
        "monitoring lead", "ecg lead", "ekg lead", "lead", "electrode", "loop recorder", "filter", "icd lead",
    ),
    OTHER: (
        "emphysema", "emphysematous", "copd", "hyperinflation", "hyperinflated", "hyperexpanded", "hyperexpansion",
        "hyperaeration", "obstructive pulmonary disease", "airway disease", "bronchitis", "bronchiectasis", "asthma",
        "bronchiolitis", "fibrosis", "fibrotic", "granuloma", "granulomatous", "granulomatous disease", "calcification",
        "calcified", "calcific", "atherosclerosis", "atherosclerotic", "tortuous", "tortuosity", "ectatic",
        "ectasia", "aneurysm", "unfolded", "scoliosis", "kyphosis", "kyphotic", "dextroscoliosis", "levoscoliosis",
        "degenerative change", "degenerative disease", "degenerative", "spondylosis", "osteophyte", "osteophytosis",
        "osteopenia", "osteoporosis", "demineralization", "arthritis", "arthropathy", "hernia", "eventration",
        "elevation hemidiaphragm", "elevated hemidiaphragm", "hemidiaphragm elevated", "elevated diaphragm", "deformity",
        "wedging", "wedge", "height loss", "loss height", "blebs", "bleb", "bulla", "bullae", "bullous", "pneumomediastinum",
        "pneumoperitoneum", "subcutaneous emphysema", "subcutaneous air", "lymphadenopathy", "adenopathy", "aspiration",
        "contusion", "hemorrhage", "hematoma", "pulmonary hypertension", "enlarged pulmonary artery", "cephalization",
        "hilar prominence", "prominent hilum", "hilar fullness", "hilar enlargement", "foreign body", "bullet",
        "pericardial effusion", "sarcoidosis", "tuberculosis", "cystic fibrosis", "sclerosis", "sclerotic", "dislocation",
        "mediastinal shift", "pectus", "diffuse idiopathic skeletal hyperostosis", "dish", "cyst", "pneumonectomy",
        "lobectomy", "flattened diaphragm", "flattening diaphragm", "pulmonary vascular crowding", "lucency",
        "hiatal hernia", "mass effect", "bronchovascular crowding", "syndesmophyte", "hyperlucent", "azygos lobe",
    ),
    ACUTE: (
        "acute cardiopulmonary abnormality", "acute cardiopulmonary disease", "acute cardiopulmonary process",
        "acute cardiopulmonary finding", "acute cardiopulmonary findings", "acute cardiac abnormality",
        "acute disease", "acute abnormality", "acute process", "acute pulmonary disease", "acute pulmonary process",
        "acute pulmonary abnormality", "acute pulmonary finding", "acute finding", "active disease", "active process",
        "active cardiopulmonary disease", "active cardiopulmonary process", "active pulmonary disease",
        "active cardiopulmonary abnormality", "cardiopulmonary abnormality", "cardiopulmonary disease",
        "cardiopulmonary process", "acute intrathoracic process", "acute intrathoracic abnormality",
        "acute chest disease", "acute thoracic abnormality", "acute radiographic abnormality", "abnormality",
        "acute cardiopulmonary pathology", "acute radiographic cardiopulmonary process", "acute preoperative finding",
    ),
}  # fmt: skip

WEAK: dict[str, tuple[str, ...]] = {
    "Edema": (
        "vascular congestion", "pulmonary congestion", "pulmonary vascular congestion", "venous congestion",
        "vascular prominence", "prominence vasculature", "vascular engorgement", "engorged vasculature",
        "vascular indistinctness", "indistinctness vasculature", "perihilar haze", "vascular redistribution",
        "central vascular prominence", "prominent pulmonary vasculature", "prominent vascularity",
        "increased vascularity", "pulmonary vascular prominence", "indistinct vasculature", "congestion",
        "vascular fullness", "increased pulmonary vascularity",
    ),
    "Pleural Effusion": (
        "blunting costophrenic angle", "blunted costophrenic angle", "blunting costophrenic sulcus",
        "blunted costophrenic sulcus", "costophrenic angle blunting", "costophrenic sulcus blunting",
        "costophrenic blunting", "blunting cp angle", "blunting costophrenic recess", "obscured costophrenic angle",
        "blunted costophrenic recess", "blunting sulcus", "costophrenic blunt",
    ),
}  # fmt: skip
"""Phrases that make an observation no more than uncertain, as CheXpert's labeler has it."""

NOT_MENTIONS = (
    "joint effusion", "knee effusion", "nipple shadow", "breast mass", "body mass", "mass index", "muscle mass",
    "bone mass", "soft tissue mass", "soft tissue edema", "soft tissue swelling", "leg edema", "pedal edema",
    "peripheral edema", "midline", "mid line", "pleural line", "fissure line", "paratracheal line", "skin line",
    "line of", "in line", "lead to", "leads to", "leading to", "plate like", "platelike", "end plate", "endplate",
    "valve calcification", "calcified valve", "plate atelectasis", "fat plane", "heart disease", "heart rate",
    "heart border", "heart surgery", "heart transplant", "cardiac surgery", "silhouette sign", "suture line",
    "growth plate", "view port", "port film", "port chest", "scar marker", "nipple marker", "skin marker", "bb marker",
    "drainage", "sinus infection", "urinary tract infection", "upper respiratory infection", "wound infection",
    "paratracheal stripe", "lead time", "heart cath", "bronchial tube", "aortic valve calcification",
    "mitral valve calcification", "azygos line", "junction line", "density overlying breast", "bone density",
    "fluid level", "air fluid level", "test tube", "cardiac disease",
)  # fmt: skip
"""Phrases that hold a word of an observation and do not name it."""

SUBJECTS: dict[str, tuple[str, ...]] = {
    "Cardiomegaly": (
        "heart", "heart size", "size heart", "cardiac size", "cardiac silhouette", "cardiac contour", "cardiac shadow",
        "cardiac", "heart silhouette", "cardiopericardial silhouette", "cardiac outline", "cardiac silhouette size",
        "heart contour", "heart shadow", "cardiothoracic ratio", "mediastinal and cardiac", "size cardiac silhouette", "cardiac width",
    ),
    "Enlarged Cardiomediastinum": (
        "mediastinum", "mediastinal contour", "mediastinal silhouette", "mediastinal structure", "mediastinal outline",
        "cardiomediastinum", "cardiomediastinal silhouette", "cardiomediastinal contour", "cardiomediastinal structure",
        "mediastinal size", "mediastinal and cardiac", "cardiomediastinal", "cardio mediastinal silhouette", "superior mediastinum",
        "cardio mediastinal contour", "mediastinal width", "mediastinal shadow", "cardiomediastinal outline",
    ),
    "Pleural Effusion": (
        "costophrenic angle", "costophrenic sulcus", "costophrenic recess", "cp angle", "costophrenic", "pleural space",
        "costophrenic sulci",
    ),
    ACUTE: ("chest", "chest x ray", "chest radiograph", "chest film", "chest exam", "chest xxxx", "chest x xxxx", "study",
            "examination", "exam", "radiograph", "cxr", "chest radiography", "two view chest", "2 view chest"),
    "": (
        "aorta", "aortic", "aortic arch", "aortic knob", "hilum", "hilar", "hila", "pulmonary artery", "vasculature",
        "vascularity", "pulmonary vascularity", "pulmonary vasculature", "pulmonary vessel", "trachea", "lung", "bone",
        "diaphragm", "hemidiaphragm", "atrium", "ventricle", "thyroid", "spine", "soft tissue", "osseous structure",
        "bony structure", "thorax", "ribs", "left atrium", "left ventricle", "vessel", "lung volume", "hilar contour",
    ),
}  # fmt: skip
"""What may be called normal or enlarged, and the observation that this is about ('' for none)."""

STATES: dict[str, tuple[str, ...]] = {
    "positive": (
        "enlarged", "enlargement", "widened", "widening", "increased size", "dilated", "prominent", "blunted", "blunting",
        "abnormal", "increased", "prominence", "larger than normal", "obscured", "hypertrophy", "big", "magnified",
        "top heavy", "globular",
    ),
    "negative": (
        "normal", "unremarkable", "within normal limit", "within limit", "wnl", "clear", "sharp", "intact", "not enlarged",
        "upper limit normal", "upper normal", "normal size", "normal limit", "preserved", "within the normal range",
        "not dilated", "not widened", "nonenlarged", "normally sized", "negative", "small", "not increased", "upper limit",
        "not blunted",
    ),
    "uncertain": (
        "borderline", "borderline enlarged", "borderline size", "borderline enlargement", "borderline prominent",
        "top normal", "near upper limit normal", "slightly prominent", "mildly prominent", "borderline normal",
        "accentuated", "exaggerated",
    ),
}  # fmt: skip
"""How a subject may be, and what its observation then is."""

DENY = (
    "no", "not", "without", "free of", "clear of", "negative for", "absence of", "absent",
    "lack of", "lacking", "neither", "nor",
    "resolution of", "clearing of", "clearance of", "disappearance of", "removal of", "denies", "never", "rather than",
    "instead of", "as opposed to", "devoid of", "fails to", "failed to", "exclude", "excludes",
   
)  # fmt: skip
"""Cues that negate what follows in the same clause."""

DENY_BEFORE = (
    "is not", "are not", "was not", "were not", "not seen", "not identified", "not present", "not visualized",
    "not evident", "not demonstrated", "not appreciated", "not apparent", "not noted", "not detected", "not observed",
    "is no longer", "are no longer", "no longer", "has resolved", "have resolved", "resolved", "is absent", "are absent",
    "has cleared", "have cleared", "cleared", "completely resolved", "has completely resolved", "is excluded",
    "are excluded", "ruled out", "is ruled out", "removed", "has been removed", "have been removed", "was removed",
    "has disappeared", "have disappeared", "disappeared", ": none", ": no", ": absent", ": negative", "is negative",
    "has been excluded", "was excluded", "not visible", "not found", "interval resolution", "is gone", "withdrawn",
    "has been withdrawn", "has since resolved", "have since resolved", "is resolved", "are resolved", ": not",
    "have been excluded", "not recognized", "not confirmed", "is unlikely to be present", "were removed",
)  # fmt: skip
"""Cues that negate what stands before them in the same clause."""

DOUBT = (
    "possible", "possibly", "probable", "probably", "may", "might", "could", "cannot exclude", "can not exclude",
    "not exclude", "cannot rule out", "can not rule out", "not rule out", "unable to exclude", "cannot completely exclude",
    "difficult to exclude", "hard to exclude", "question of", "question", "questionable", "suspected", "suspect",
    "suspicious for", "suspicion", "suspicion for", "suspicion of", "concern", "concern for", "concerning for",
    "worrisome for", "suggest", "suggestive of", "suggestion of", "suggesting", "presumed", "presumably", "perhaps",
    "maybe", "favor", "favored", "would be", "versus", "vs", "differential", "differential diagnosis includes",
    "differential includes", "potentially", "potential", "equivocal", "no new", "unclear", "to exclude", "to rule out",
    "either", "indeterminate", "raises the possibility", "possibility of",
    "cannot be certain", "not excluding", "conceivably", "without new", "no new area of", "cannot entirely exclude",
    "cannot definitively exclude", "cannot be sure", "query", "tentative",
)  # fmt: skip
"""Cues that make what follows in the same clause uncertain."""

DOUBT_BEFORE = (
    "cannot be excluded", "can not be excluded", "cannot be ruled out", "can not be ruled out", "not excluded",
    "is not excluded", "are not excluded", "not entirely excluded", "not completely excluded", "is possible",
    "are possible", "is suspected", "are suspected", "is questioned", "may be present", "might be present",
    "could be present", "cannot be entirely excluded", "cannot be completely excluded", "is considered", "is unlikely",
    "are unlikely", "unlikely", "is less likely", "less likely to be", "difficult to exclude entirely", "not ruled out",
    "could have this appearance", "may have this appearance", "is not ruled out", "is difficult to exclude",
    "is a possibility", "is a consideration", "is favored", "are favored", "is a concern", "is probable", "are probable",
    "is not well evaluated", "not well evaluated", "not well seen", "not well visualized", "poorly evaluated",
    "incompletely evaluated", "not clearly seen", "is questionable", "is in the differential", "would be difficult to exclude",
    "cannot be definitively excluded", "is equivocal", "may be seen", "cannot be confidently excluded", "is not well seen",
    "are difficult to exclude", "is hard to exclude", "is presumed", "should be considered", "is not entirely excluded",
)  # fmt: skip
"""Cues that make what stands before them in the same clause uncertain."""

ASIDE = (
    "history of", "hx of", "h o", "evaluate for", "evaluation for", "evaluation of", "assess for", "assessment for",
    "assessment of", "rule out", "r o", "eval for", "indication", "clinical history", "symptom of", "symptoms of",
    "for evaluation of", "limit evaluation", "technique", "risk of", "risk for", "prior history", "treated for",
    "treatment for", "treatment of", "treatment", "follow up for", "status post treatment for", "looking for", "screening for",
)  # fmt: skip
"""What follows these in the same clause is not said of the film."""

NEUTRAL = (
    "no change", "no interval change", "no significant change", "no significant interval change", "not changed",
    "is not changed", "are not changed", "not significantly changed", "is not significantly changed", "no increase in",
    "no increase", "no decrease in", "no worsening of", "no worsening", "no interval worsening of", "no progression of",
    "no improvement in", "no improvement", "no interval improvement in", "no enlargement of the known",
    "not resolved", "has not resolved", "have not resolved", "not completely resolved", "nearly resolved", "no other",
    "partially resolved", "almost resolved", "almost completely resolved", "near resolved", "incompletely resolved",
    "mostly resolved", "largely resolved", "not cleared", "has not cleared", "have not cleared", "partially cleared",
    "has not been removed", "not removed", "nearly completely resolved", "has nearly resolved", "near complete resolution",
    "no substantial change", "not only", "not as", "no longer as", "essentially no change", "has not changed", "no appreciable change",
    "have not changed", "is not increased", "has not increased", "no significant interval increase in", "no interval increase in",
    "has almost completely resolved", "has nearly completely resolved", "has partially resolved", "has largely resolved",
    "have nearly resolved", "has mostly resolved", "no significant increase in", "not significantly different", "no different",
    "incomplete resolution of", "partial resolution of", "near complete resolution of", "without change", "consistent with",
    "without significant change", "without interval change", "compatible with", "associated with", "together with", "no doubt",
    "no complication", "not limited to", "no relevant change", "has not significantly changed", "no overt change", "no less",
    "have not significantly changed", "no definite change", "no major change", "not improved", "has not improved", "along with",
    "without improvement", "no significant improvement", "no significant interval improvement", "no evidence of change",
)  # fmt: skip
"""Phrases that hold a cue's word and neither deny nor end anything."""

STOPS = (
    "but", "however", "although", "though", "while", "whereas", "except", "except for", "aside from", "apart from",
    "other than", "besides", "yet", "nevertheless", "with", "there", "despite", "in spite of", "otherwise", "following",
    "status post", "s p", "given", "because", "since", "until", "unless", "then",
)  # fmt: skip
"""Where the scope of a cue ends."""

VERBS = (
    "is", "are", "was", "were", "has", "have", "had", "show", "demonstrate", "remain", "appear", "persist", "reveal",
    "noted", "seen", "present", "identified", "indicate", "represent", "visualized", "evident", ":", "been", "detected",
)  # fmt: skip
"""What parts a clause into subject and statement: a cue that looks back does not look beyond an earlier statement."""

RESTARTS = frozenset(
    "a an the mild mildly moderate moderately minimal minimally stable unchanged persistent bibasilar left right "
    "increased increasing worsening improving again both interval there likely probable probably possible possibly "
    "patchy streaky linear chronic old small trace tiny severe slight slightly low new subtle prominent scattered "
    "borderline bilateral unchanged stable".split()
)
"""Behind a comma or 'and' these begin a new statement, which an earlier 'no' does not reach, unless an 'or' follows."""

FILLERS = frozenset(
    "a an the of in this that left right bilateral both small mild mildly minimal trace large moderate severe new old "
    "acute xxxx upper mid middle lower lateral posterior anterior medial lobe lobar basilar basal bibasilar apical "
    "slight slightly stable chronic focal any definite significant significantly clearly pulmonary pleural subtle "
    "known prior previously large convincing overall marked markedly the is".split()
)
"""Words that may stand between two words of a phrase."""
